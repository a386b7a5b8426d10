import { ApiError } from '@studio/client';

interface FieldProblem {
  readonly path: string;
  readonly message: string;
}

const isFieldProblem = (value: unknown): value is FieldProblem =>
  typeof value === 'object' &&
  value !== null &&
  'path' in value &&
  typeof value.path === 'string' &&
  'message' in value &&
  typeof value.message === 'string';

const toWords = (path: string): string => {
  const words = path.replace(/([A-Z])/g, ' $1').toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
};

const describeField = ({ path, message }: FieldProblem): string =>
  path === '' ? message : `${toWords(path)}: ${message.charAt(0).toLowerCase()}${message.slice(1)}`;

/** What to tell the person: the server's own sentence, or the fields it would not take. */
export const toSentence = (error: unknown): string => {
  if (!(error instanceof Error)) return 'That did not work; try again.';
  const fields = error instanceof ApiError && Array.isArray(error.details.fields) ? error.details.fields : [];
  const problems = fields.filter(isFieldProblem);
  return problems.length > 0 ? problems.map(describeField).join(' ') : error.message;
};
