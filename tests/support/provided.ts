import { type TemporalSettings } from '@pegasus-workflows/kit';
import { type ProvidedPostgres } from './postgres-server.js';

/** Namespaces of the run's Temporal besides `default`, for a suite that must see no run but its own. */
export const TEST_NAMESPACES = ['t1', 't2', 't3', 't4', 't5', 't6', 't7', 't8'] as const;

/** What `global-setup.ts` starts once for a whole run and hands to every test file by vitest's `inject`. */
declare module 'vitest' {
  interface ProvidedContext {
    temporal: TemporalSettings;
    postgres: ProvidedPostgres;
    /** Directory of a migrated, empty PGlite database; see `pglite-template.ts`. */
    pgliteTemplate: string;
    /** A folder that lives as long as the run, for what several test files share. */
    runDir: string;
  }
}
