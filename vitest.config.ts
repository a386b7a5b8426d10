import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      'packages/*',
      'apps/*',
      {
        test: {
          name: 'chaos',
          root: 'tests',
          include: ['chaos/**/*.test.ts'],
          fileParallelism: false,
        },
      },
    ],
    maxWorkers: 2,
  },
});
