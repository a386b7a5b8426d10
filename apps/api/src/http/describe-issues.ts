import type { z } from 'zod';

export interface FieldError {
  /** Where in the request, e.g. `width` or `graph.3.inputs`; empty for the whole body. */
  readonly path: string;
  /** One sentence for the person who filled the field in. */
  readonly message: string;
}

type Issue = z.core.$ZodIssue;

const kindNames: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

const formatNames: Record<string, string> = {
  email: 'Enter an e-mail address such as ada@example.org.',
  url: 'Enter a full address such as https://example.org.',
  datetime: 'Enter a time such as 2026-01-31T12:00:00Z.',
};

const boundSentence = (issue: Extract<Issue, { code: 'too_small' | 'too_big' }>): string => {
  const isLow = issue.code === 'too_small';
  const bound = Number(isLow ? issue.minimum : issue.maximum);
  const word = isLow ? 'at least' : 'at most';
  switch (issue.origin) {
    case 'string':
      return isLow && bound === 1 ? 'This field must not be empty.' : `Use ${word} ${bound} characters.`;
    case 'array':
    case 'set':
      return `Give ${word} ${bound} ${bound === 1 ? 'entry' : 'entries'}.`;
    default:
      return `Use a number of ${word} ${bound}.`;
  }
};

const ordinarySentence = (issue: Issue): string => {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return 'This field is required.';
      return `Expected ${kindNames[issue.expected] ?? issue.expected}.`;
    case 'too_small':
    case 'too_big':
      return boundSentence(issue);
    case 'not_multiple_of':
      return `Use a multiple of ${issue.divisor}.`;
    case 'invalid_value':
      return `Use one of: ${issue.values.join(', ')}.`;
    case 'invalid_format':
      return formatNames[issue.format] ?? 'This text has the wrong form.';
    case 'unrecognized_keys':
      return `There is no such field: ${issue.keys.join(', ')}.`;
    default:
      return 'This value is not valid.';
  }
};

/** zod's own English for programmers starts like this; a schema's own sentence does not, and wins. */
const isGeneric = (message: string): boolean => /^(Invalid|Too (small|big)|Unrecognized)/.test(message);

/** Turns zod's issues into one sentence per field. */
export const describeIssues = (issues: readonly Issue[]): FieldError[] =>
  issues.map((issue) => ({
    path: issue.path.map(String).join('.'),
    message: isGeneric(issue.message) ? ordinarySentence(issue) : issue.message,
  }));
