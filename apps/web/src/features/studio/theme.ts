export const themeCookie = 'studio_theme';

export const themes = ['system', 'dark', 'light'] as const;
export type Theme = (typeof themes)[number];

export const toTheme = (value: string | undefined): Theme => themes.find((theme) => theme === value) ?? 'system';

const yearSeconds = 31_536_000;

/** A cookie, so that the server sends the page in its colours and nothing flashes. */
export const setTheme = (theme: Theme) => {
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  document.cookie = `${themeCookie}=${theme}; path=/; max-age=${yearSeconds}; samesite=strict`;
};

export const currentTheme = (): Theme => toTheme(document.documentElement.dataset.theme);
