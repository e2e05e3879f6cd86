import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPlatform, type Platform, type PlatformOptions } from '@pegasus-workflows/platform';
import { copyPgliteTemplate } from './pglite-template.js';
import { testTemporalEnv } from './temporal.js';
import { type TEST_NAMESPACES } from './provided.js';

export interface TestPlatformOptions extends PlatformOptions {
  /**
   * `shared` (default): the run's own Temporal, by TEMPORAL_ADDRESS. `own`: an embedded one in the data directory, for
   * a test that kills or restarts it.
   */
  temporalOf?: 'shared' | 'own';
  /** Namespace of the shared Temporal. Default `default`. */
  namespace?: 'default' | (typeof TEST_NAMESPACES)[number];
}

export interface TestPlatform extends Platform {
  /** Stops it and removes its data directory, unless the test brought one. */
  dispose(): Promise<void>;
}

/**
 * A whole platform, with real server and supervisor, on a free port and in a data directory of its own. To restart it
 * on the same data, `stop()` it and start another with the same `dataDir`. Call `dispose()` in `afterAll`.
 */
export async function startTestPlatform(options: TestPlatformOptions = {}): Promise<TestPlatform> {
  const { temporalOf = 'shared', namespace, ...rest } = options;
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'pegasus-platform-')));
  const database = join(dataDir, 'db');
  if (!existsSync(database)) await copyPgliteTemplate(database);
  const remove = async (): Promise<void> => {
    if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
  };
  // An empty TEMPORAL_ADDRESS is as good as none, and hides one that this run itself was given.
  const temporal = temporalOf === 'shared' ? testTemporalEnv(namespace) : { TEMPORAL_ADDRESS: '' };
  try {
    const platform = await startPlatform({
      port: 0,
      temporalUi: false,
      ...rest,
      dataDir,
      env: { ...temporal, ...options.env },
    });
    const dispose = async (): Promise<void> => {
      await platform.stop();
      await remove();
    };
    return Object.assign(platform, { dispose });
  } catch (error) {
    await remove();
    throw error;
  }
}
