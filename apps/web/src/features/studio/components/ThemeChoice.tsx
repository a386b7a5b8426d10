'use client';
import { Monitor, Moon, Sun } from 'lucide-react';
import { useState } from 'react';
import { currentTheme, setTheme, type Theme, themes } from '../theme.ts';

const looks = {
  system: { label: 'System', Icon: Monitor },
  dark: { label: 'Dark', Icon: Moon },
  light: { label: 'Light', Icon: Sun },
} as const;

export const ThemeChoice = () => {
  const [theme, choose] = useState<Theme>(currentTheme);
  return (
    <fieldset className="grid grid-cols-3 gap-1 rounded-md bg-sunken p-1">
      <legend className="sr-only">Theme</legend>
      {themes.map((name) => {
        const { label, Icon } = looks[name];
        return (
          <label
            key={name}
            className="flex h-7 items-center justify-center gap-1.5 rounded-sm text-ink-2 text-xs transition-colors hover:text-ink has-checked:bg-raised has-checked:font-medium has-checked:text-ink has-focus-visible:outline-2 has-focus-visible:outline-accent-ink touch:h-11"
          >
            <input
              type="radio"
              name="theme"
              className="sr-only"
              checked={theme === name}
              onChange={() => {
                setTheme(name);
                choose(name);
              }}
            />
            <Icon aria-hidden className="size-3.5" />
            {label}
          </label>
        );
      })}
    </fieldset>
  );
};
