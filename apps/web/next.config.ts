import { resolve } from 'node:path';
import type { NextConfig } from 'next';

const config: NextConfig = {
  output: 'standalone',
  outputFileTracingRoot: resolve(import.meta.dirname, '../..'),
  /** The image optimiser is off, so its native library (19 MB) stays out of the server. */
  outputFileTracingExcludes: { '/*': ['**/node_modules/@img/**', '**/node_modules/sharp/**'] },
  images: { unoptimized: true },
  poweredByHeader: false,
  transpilePackages: ['@studio/client', '@studio/contracts'],
  /** `npm run check` checks the types; a start should not do it again. */
  typescript: { ignoreBuildErrors: true },
  devIndicators: false,
};

export default config;
