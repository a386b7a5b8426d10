import { GeistMono } from 'geist/font/mono';
import { GeistSans } from 'geist/font/sans';
import type { Metadata, Viewport } from 'next';
import { cookies } from 'next/headers';
import type { ReactNode } from 'react';
import { AppProviders } from '../features/studio/components/AppProviders.tsx';
import { loadStudio } from '../features/studio/load-studio.ts';
import { themeCookie, toTheme } from '../features/studio/theme.ts';
import '../ui/theme.css';

export const generateMetadata = async (): Promise<Metadata> => ({ title: (await loadStudio()).productName });

export const viewport: Viewport = { width: 'device-width', initialScale: 1, colorScheme: 'dark light' };

export default async function RootLayout({ children }: { children: ReactNode }) {
  const [studio, jar] = await Promise.all([loadStudio(), cookies()]);
  const theme = toTheme(jar.get(themeCookie)?.value);
  return (
    <html
      lang="en"
      data-theme={theme === 'system' ? undefined : theme}
      className={`${GeistSans.variable} ${GeistMono.variable}`}
    >
      <body>
        <AppProviders studio={studio}>{children}</AppProviders>
      </body>
    </html>
  );
}
