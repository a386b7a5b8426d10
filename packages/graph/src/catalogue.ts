import type { NodeCatalogue, NodeDefinition, NodeErrorReason, NodeInputSpec } from '@studio/contracts';

/** Any JSON value, as input specs hold them. */
export type Json = NodeErrorReason['extra_info'][string];

/** The choices of a list input in either of ComfyUI's spellings, `[[…], {…}]` or `["COMBO", {options}]`; else null. */
export const optionsOf = (spec: NodeInputSpec): readonly Json[] | null => {
  const [type, settings] = spec;
  if (Array.isArray(type)) return type;
  if (type !== 'COMBO') return null;
  const options = settings?.options;
  return Array.isArray(options) ? options : [];
};

/** The choices of one input of one node class as strings; empty when the catalogue has no such list. */
export const comboOptions = (catalogue: NodeCatalogue, classType: string, input: string): string[] => {
  if (!Object.hasOwn(catalogue, classType)) return [];
  const inputs = catalogue[classType]?.input;
  const spec = inputs?.required?.[input] ?? inputs?.optional?.[input];
  const options = spec ? optionsOf(spec) : null;
  return (options ?? []).filter((option) => typeof option === 'string');
};

type InputSpecs = Record<string, NodeInputSpec>;

const mergeSpec = (left: NodeInputSpec | undefined, right: NodeInputSpec): NodeInputSpec => {
  const [a, b] = [left && optionsOf(left), optionsOf(right)];
  if (!a || !b) return right;
  return [[...new Set([...a, ...b])], right[1] ?? {}];
};

const mergeSpecs = (left: InputSpecs | undefined, right: InputSpecs | undefined): InputSpecs =>
  Object.fromEntries(
    Object.entries({ ...left, ...right }).map(([input, spec]) => [input, mergeSpec(left?.[input], spec)]),
  );

const mergeDefinition = (left: NodeDefinition, right: NodeDefinition): NodeDefinition => ({
  ...right,
  input: {
    ...right.input,
    required: mergeSpecs(left.input.required, right.input.required),
    optional: mergeSpecs(left.input.optional, right.input.optional),
  },
});

/**
 * What several engines know together: every node of any, and for a list input the choices of all, so that a
 * model which only one engine has can be asked for. Where definitions differ otherwise, the later one counts.
 */
export const mergeCatalogues = (catalogues: readonly NodeCatalogue[]): NodeCatalogue => {
  const merged: NodeCatalogue = {};
  for (const catalogue of catalogues) {
    for (const [classType, definition] of Object.entries(catalogue)) {
      const known = Object.hasOwn(merged, classType) ? merged[classType] : undefined;
      merged[classType] = known ? mergeDefinition(known, definition) : definition;
    }
  }
  return merged;
};
