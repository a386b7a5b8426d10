type Fields = Readonly<Record<string, unknown>>;

const fillTemplate = (template: string, params: Fields): string =>
  template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])));

const toQueryString = (query: Fields): string => {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) search.set(name, String(value));
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
};

/** `/jobs/{id}` and `{ id, limit: 5 }` to `/jobs/job_1?limit=5`; fields that are undefined are left out. */
export const buildPath = (template: string, params: Fields = {}, query: Fields = {}): string =>
  fillTemplate(template, params) + toQueryString(query);
