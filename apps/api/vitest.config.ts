import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'api',
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['./test/template-database.ts'],
    // Two cores shared with PostgreSQL: more workers only make each other wait.
    maxWorkers: 2,
    // Files share one module graph per worker: they keep no state outside their own database.
    isolate: false,
    // These end what hangs; they judge no speed, since a busy machine starts a process in 20 s instead of one.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
