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
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});
