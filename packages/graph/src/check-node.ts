import type {
  Graph,
  GraphNode,
  NodeCatalogue,
  NodeDefinition,
  NodeErrorReason,
  NodeInputSpec,
} from '@studio/contracts';
import { optionsOf } from './catalogue.ts';
import { checkValue, type InputContext, reason } from './check-value.ts';
import { toLink } from './links.ts';

/** Equal, or comma-separated sets that share a member; `*` fits all. */
const isTypeMatch = (received: string, wanted: string): boolean => {
  if (received === wanted || received === '*' || wanted === '*') return true;
  const members = new Set(wanted.split(',').map((type) => type.trim()));
  return received.split(',').some((type) => members.has(type.trim()));
};

export interface GraphContext {
  readonly graph: Graph;
  readonly catalogue: NodeCatalogue;
  /** Names of the pictures that the graph may load. */
  readonly pictures: ReadonlySet<string>;
}

const badLink = (context: InputContext, value: NodeErrorReason['extra_info'][string], details: string) =>
  reason(context, {
    type: 'bad_linked_input',
    message: 'A link must be [node id, output slot] of a node in the graph',
    details: `${context.input}: ${details}`,
    extra: { received_value: value },
  });

const checkLink = ({ graph, catalogue }: GraphContext, context: InputContext, value: unknown[]): NodeErrorReason[] => {
  const link = toLink(value);
  if (!link) return [badLink(context, null, 'this list is not a link')];
  const [sourceId, slot] = link;
  const source = Object.hasOwn(graph, sourceId) ? graph[sourceId] : undefined;
  if (!source) return [badLink(context, link, `there is no node ${sourceId}`)];
  const received = catalogue[source.class_type]?.output[slot];
  if (received === undefined) return [badLink(context, link, `node ${sourceId} has no output ${slot}`)];
  const wanted = optionsOf(context.spec) ? 'COMBO' : String(context.spec[0]);
  // A list input takes text from a link, as a primitive node gives it.
  if (isTypeMatch(received, wanted) || (wanted === 'COMBO' && received === 'STRING')) return [];
  return [
    reason(context, {
      type: 'return_type_mismatch',
      message: 'The linked output has another type',
      details: `${context.input}: received ${received}, wanted ${wanted}`,
      extra: { received_type: received, linked_node: link },
    }),
  ];
};

const checkInput = (graphContext: GraphContext, context: InputContext, node: GraphNode): NodeErrorReason[] => {
  const value = node.inputs[context.input];
  if (value === undefined) return [];
  return Array.isArray(value) ? checkLink(graphContext, context, value) : checkValue(context, value);
};

const checkMissing = (context: InputContext, node: GraphNode): NodeErrorReason[] =>
  node.inputs[context.input] === undefined
    ? [reason(context, { type: 'required_input_missing', message: 'A required input is missing' })]
    : [];

/** All reasons why one node cannot run. Hidden inputs are the engine's to fill. */
export const checkNode = (
  graphContext: GraphContext,
  node: GraphNode,
  definition: NodeDefinition,
): NodeErrorReason[] => {
  const { required = {}, optional = {} } = definition.input;
  const checkedByNode = new Set(definition.checked_inputs);
  const contextOf = ([input, spec]: [string, NodeInputSpec]) => ({
    input,
    spec,
    isOwnCheck: checkedByNode.has(input),
    pictures: graphContext.pictures,
  });
  const needed = Object.entries(required).map(contextOf);
  return [
    ...needed.flatMap((context) => checkMissing(context, node)),
    ...[...needed, ...Object.entries(optional).map(contextOf)].flatMap((context) =>
      checkInput(graphContext, context, node),
    ),
  ];
};
