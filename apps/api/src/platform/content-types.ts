/** The kinds of picture that engines may store, each with the ending of its keys. */
const extensions = new Map([
  ['image/png', 'png'],
  ['image/jpeg', 'jpg'],
  ['image/webp', 'webp'],
]);
const contentTypes = new Map([...extensions].map(([type, extension]) => [extension, type]));

/** Null for a type that may not be stored. */
export const findExtension = (contentType: string): string | null => extensions.get(contentType) ?? null;

export const contentTypeOfKey = (key: string): string =>
  contentTypes.get(key.slice(key.lastIndexOf('.') + 1)) ?? 'application/octet-stream';
