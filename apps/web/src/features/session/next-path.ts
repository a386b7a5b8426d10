const parameter = 'next';

/** Only paths of this site: `//other.example` and `https:` addresses fall back to the studio. */
export const readNextPath = (search: string): string => {
  const path = new URLSearchParams(search).get(parameter) ?? '/';
  return /^\/(?![/\\])/.test(path) ? path : '/';
};

export const signInPath = (from: string): string =>
  from === '/' ? '/sign-in' : `/sign-in?${parameter}=${encodeURIComponent(from)}`;
