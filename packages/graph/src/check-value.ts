import type { NodeErrorReason, NodeInputSpec } from '@studio/contracts';
import { type Json, optionsOf } from './catalogue.ts';

export interface InputContext {
  readonly input: string;
  readonly spec: NodeInputSpec;
}

/** ComfyUI leaves long lists out of its reasons; a thousand model names help nobody. */
const maxListedOptions = 20;

const specForReason = (spec: NodeInputSpec): Json => {
  const options = optionsOf(spec);
  return options && options.length > maxListedOptions ? null : spec.map((part) => part ?? null);
};

/** A reason in ComfyUI's shape. */
export const reason = (
  { input, spec }: InputContext,
  { type, message, details, extra }: { type: string; message: string; details?: string; extra?: Record<string, Json> },
): NodeErrorReason => ({
  type,
  message,
  details: details ?? input,
  extra_info: { input_name: input, input_config: specForReason(spec), ...extra },
});

/** Membership must not cost a scan of ten thousand model names for each node. */
const optionSets = new WeakMap<readonly Json[], Set<Json>>();
const optionSet = (options: readonly Json[]): Set<Json> => {
  const known = optionSets.get(options);
  if (known) return known;
  const made = new Set(options);
  optionSets.set(options, made);
  return made;
};

const checkOption = (context: InputContext, options: readonly Json[], value: Json): NodeErrorReason[] => {
  // A file list with an upload button is open: what it takes is checked where the file is looked up.
  if (context.spec[1]?.image_upload === true || optionSet(options).has(value)) return [];
  const listed = options.slice(0, maxListedOptions).map(String).join(', ');
  return [
    reason(context, {
      type: 'value_not_in_list',
      message: 'The value is not in the list',
      details: `${context.input}: '${String(value)}' is not one of: ${listed}${options.length > maxListedOptions ? ', …' : ''}`,
      extra: { received_value: value },
    }),
  ];
};

/** Numbers as Python's int() and float() take them: numbers, booleans and numeric text. */
const toNumber = (value: Json, isWhole: boolean): number | null => {
  if (typeof value === 'boolean') return Number(value);
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return null;
  const pattern = isWhole ? /^\s*[+-]?\d+\s*$/ : /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i;
  return pattern.test(value) ? Number(value) : null;
};

const checkNumber = (context: InputContext, value: Json): NodeErrorReason[] => {
  const type = String(context.spec[0]);
  const number = toNumber(value, type === 'INT');
  if (number === null) {
    return [
      reason(context, {
        type: 'invalid_input_type',
        message: `The value cannot be read as ${type}`,
        details: `${context.input}, ${JSON.stringify(value).slice(0, 100)}`,
        extra: { received_value: value },
      }),
    ];
  }
  const { min, max } = context.spec[1] ?? {};
  const outOfBounds = (kind: string, bound: number) =>
    reason(context, {
      type: kind === 'smaller' ? 'value_smaller_than_min' : 'value_bigger_than_max',
      message: `Value ${number} is ${kind} than ${bound}`,
      extra: { received_value: value },
    });
  if (typeof min === 'number' && number < min) return [outOfBounds('smaller', min)];
  if (typeof max === 'number' && number > max) return [outOfBounds('bigger', max)];
  return [];
};

const isWrapped = (value: Json): value is { __value__: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && '__value__' in value;

/** Reasons why a constant does not fit its input. Types that only links can carry take no constant. */
export const checkValue = (context: InputContext, received: Json): NodeErrorReason[] => {
  const value = isWrapped(received) ? received.__value__ : received;
  const options = optionsOf(context.spec);
  if (options) return checkOption(context, options, value);
  switch (context.spec[0]) {
    case 'INT':
    case 'FLOAT':
      return checkNumber(context, value);
    default:
      return [];
  }
};
