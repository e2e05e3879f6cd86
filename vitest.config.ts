import { defineConfig } from 'vitest/config';
import { SlowFirst } from './tests/support/slow-first.js';

/** What is built is imported by Node itself: to transform it anew for every file costs more than most files' tests. */
const server = { deps: { external: [/packages\/[^/]+\/dist\//] } };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts', 'scripts/**/*.test.ts'],
          testTimeout: 20_000,
          env: { LOG_LEVEL: 'fatal' },
          server,
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
          server,
          // What a package does not export is taken from what is built as well: `npm test` builds first.
          alias: [{ find: /^(\.\.\/.*packages\/[^/]+)\/src\/(.*\.js)$/, replacement: '$1/dist/$2' }],
        },
      },
    ],
    maxWorkers: 2,
    sequence: { sequencer: SlowFirst },
    pool: 'forks',
  },
});
