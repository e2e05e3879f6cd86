import { defineConfig } from 'vitest/config';
import { SlowFirst } from './tests/support/slow-first.js';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'scripts/**/*.test.ts'],
          testTimeout: 20_000,
          env: { LOG_LEVEL: 'fatal' },
        },
      },
      {
        test: {
          name: 'integration',
          include: ['tests/**/*.test.ts', 'examples/*/test/**/*.test.ts'],
          globalSetup: ['tests/support/global-setup.ts'],
          testTimeout: 120_000,
          env: { LOG_LEVEL: 'fatal' },
          hookTimeout: 120_000,
        },
      },
    ],
    maxWorkers: 2,
    sequence: { sequencer: SlowFirst },
    pool: 'forks',
  },
});
