import type { NodeErrorReason, NodeInputSpec } from '@studio/contracts';
import { type Json, optionsOf } from './catalogue.ts';

export interface InputContext {
  readonly input: string;
  readonly spec: NodeInputSpec;
  /** The node judges the value itself, so bounds and lists do not. */
  readonly isOwnCheck: boolean;
  /** Names of the pictures that the graph may load. */
  readonly pictures: ReadonlySet<string>;
}

/** ComfyUI leaves long lists out of its reasons; a thousand model names help nobody. */
const maxListedOptions = 20;

const specForReason = (spec: NodeInputSpec): Json => {
  const options = optionsOf(spec);
  return options && options.length > maxListedOptions ? null : spec.map((part) => part ?? null);
};

/** A reason in ComfyUI's shape. */
export const reason = (
  { input, spec }: Pick<InputContext, 'input' | 'spec'>,
  { type, message, details, extra }: { type: string; message: string; details?: string; extra?: Record<string, Json> },
): NodeErrorReason => ({
  type,
  message,
  details: details ?? input,
  extra_info: { input_name: input, input_config: specForReason(spec), ...extra },
});

/** Lists that are filled from elsewhere; what they take is checked where it is read. */
const openListSettings = ['audio_upload', 'video_upload', 'remote'] as const;
/** Lists of pictures that people bring along: these are known by name only when the graph is. */
const pictureListSettings = ['image_upload', 'animated_image_upload'] as const;

const hasSetting = ([, settings]: NodeInputSpec, names: readonly string[]): boolean =>
  settings !== undefined && names.some((name) => settings[name] !== undefined && settings[name] !== false);

/** Membership must not cost a scan of ten thousand model names for each node. */
const optionSets = new WeakMap<readonly Json[], Set<Json>>();
const optionSet = (options: readonly Json[]): Set<Json> => {
  const known = optionSets.get(options);
  if (known) return known;
  const made = new Set(options);
  optionSets.set(options, made);
  return made;
};

const checkPicture = (context: InputContext, value: Json): NodeErrorReason[] =>
  typeof value === 'string' && context.pictures.has(value)
    ? []
    : [
        reason(context, {
          type: 'value_not_in_list',
          message: 'There is no such picture in your team',
          details: `${context.input}: '${String(value).slice(0, 100)}'`,
          extra: { received_value: value },
        }),
      ];

const checkOption = (context: InputContext, options: readonly Json[], value: Json): NodeErrorReason[] => {
  if (hasSetting(context.spec, openListSettings)) return [];
  if (hasSetting(context.spec, pictureListSettings)) return checkPicture(context, value);
  if (context.isOwnCheck) return [];
  const chosen = context.spec[1]?.multiselect === true && Array.isArray(value) ? value : [value];
  if (chosen.every((one) => optionSet(options).has(one))) return [];
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

const unreadable = (context: InputContext, value: Json): NodeErrorReason =>
  reason(context, {
    type: 'invalid_input_type',
    message: `The value cannot be read as ${String(context.spec[0])}`,
    details: `${context.input}, ${JSON.stringify(value).slice(0, 100)}`,
    extra: { received_value: value },
  });

const checkNumber = (context: InputContext, value: Json): NodeErrorReason[] => {
  const number = toNumber(value, context.spec[0] === 'INT');
  if (number === null) return [unreadable(context, value)];
  if (context.isOwnCheck) return [];
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

/** Text and switches are read as Python's str() and bool() read them, from anything but objects and lists. */
const checkScalar = (context: InputContext, value: Json): NodeErrorReason[] =>
  typeof value === 'object' && value !== null ? [unreadable(context, value)] : [];

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
    case 'STRING':
    case 'BOOLEAN':
      return checkScalar(context, value);
    default:
      return [];
  }
};
