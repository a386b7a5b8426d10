import type { Graph, GraphNode, NodeCatalogue, NodeDefinition, NodeErrorReason } from '@studio/contracts';
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

/** All reasons why one node cannot run. */
export const checkNode = (
  graphContext: GraphContext,
  node: GraphNode,
  { input: { required = {}, optional = {} } }: NodeDefinition,
): NodeErrorReason[] => [
  ...Object.entries(required).flatMap(([input, spec]) => [
    ...checkMissing({ input, spec }, node),
    ...checkInput(graphContext, { input, spec }, node),
  ]),
  ...Object.entries(optional).flatMap(([input, spec]) => checkInput(graphContext, { input, spec }, node)),
];
