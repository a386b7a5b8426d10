import { join } from 'node:path';
import type { z } from 'zod';
import { configFields } from '../src/config.ts';

export const configurationDocsPath = join(import.meta.dirname, '../../../docs/operating/configuration.md');

const defaultOf = (field: { readonly type: z.ZodType; readonly default?: string }): string => {
  if (field.default !== undefined) return `\`${field.default}\``;
  return field.type.safeParse(undefined).success ? 'not set' : '**required**';
};

/** docs/operating/configuration.md, from the fields of the one schema. */
export const configurationDocs = (): string => {
  const rows = Object.values(configFields).map(
    (field) => `| \`${field.env}\` | ${defaultOf(field)} | ${field.doc.replaceAll('|', '\\|')} |`,
  );
  return `# Configuration of the api

The api process is configured by environment variables alone. An empty variable counts as not set. A wrong value stops
the start with one message that names every wrong variable. \`npm start\` sets the required ones by itself.

| Variable | Default | Meaning |
|---|---|---|
${rows.join('\n')}

This page is generated: \`npm run docs:configuration -w @studio/api\`.
`;
};
