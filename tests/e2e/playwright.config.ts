import { defineConfig, devices } from '@playwright/test';

/** The address of a running studio; `npm run e2e` starts one with an empty data directory. */
const baseURL = process.env.STUDIO_E2E_URL ?? 'http://127.0.0.1:8188';

const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };

/** Chromium's background traffic is switched off, so that a run needs no network but the studio. */
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export default defineConfig({
  testDir: '.',
  outputDir: '../../test-results/e2e',
  /** One engine draws for all tests; two pages at once would only wait for each other. */
  workers: 1,
  timeout: 300_000,
  expect: { timeout: 15_000 },
  reporter: [['list']],
  use: {
    ...devices['Desktop Chrome'],
    baseURL,
    viewport: { width: 1440, height: 900 },
    trace: 'retain-on-failure',
    launchOptions: { executablePath: process.env.STUDIO_CHROMIUM ?? '/usr/bin/chromium', args },
  },
  projects: [
    { name: 'first run', testMatch: 'first-run.spec.ts' },
    {
      name: 'desktop',
      testIgnore: 'first-run.spec.ts',
      grepInvert: /@touch/,
      dependencies: ['first run'],
    },
    {
      name: 'phone',
      testIgnore: 'first-run.spec.ts',
      grepInvert: /@keyboard/,
      dependencies: ['first run'],
      use: phone,
    },
  ],
});
