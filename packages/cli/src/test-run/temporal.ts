import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PegasusError } from '@pegasus-workflows/contracts';
import { parseTemporalSettings, type TemporalSettings } from '@pegasus-workflows/kit';
import { ensureTemporal, probeTemporal, startDevServer } from '@pegasus-workflows/platform';
import { type Context } from '../context.js';
import { withProgress } from '../output/progress.js';

/** Where Temporal's own tools look when nothing is set. */
const USUAL_ADDRESS = '127.0.0.1:7233';

export interface UsableTemporal {
  settings: TemporalSettings;
  /** What was found, for a note. */
  source: string;
  /** Stops it if it was started for this run. */
  close(): Promise<void>;
}

/**
 * A Temporal for one run: the one `TEMPORAL_ADDRESS` names, else one at the usual address, else a dev server of our
 * own that keeps nothing.
 *
 * @throws PegasusError SERVICE_UNAVAILABLE when the named one does not answer, or none can be had
 */
export async function provideTestTemporal(context: Context): Promise<UsableTemporal> {
  const nothing = (): Promise<void> => Promise.resolve();
  if (context.env['TEMPORAL_ADDRESS']) {
    const settings = parseTemporalSettings(context.env);
    const failure = await probeTemporal(settings);
    if (failure === undefined) return { settings, source: `Temporal at ${settings.address}`, close: nothing };
    throw new PegasusError(
      'SERVICE_UNAVAILABLE',
      `Temporal at ${settings.address} does not answer: ${failure}`,
      {
        hint: 'Correct TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE, or unset them to use one of our own.',
      },
    );
  }
  const usual = { address: USUAL_ADDRESS, namespace: 'default', tls: false };
  if ((await probeTemporal(usual)) === undefined)
    return { settings: usual, source: `Temporal at ${USUAL_ADDRESS}`, close: nothing };
  return startOwn(context);
}

async function startOwn({ out }: Context): Promise<UsableTemporal> {
  return withProgress(out, 'starting Temporal', async (update) => {
    const { path: binary } = await ensureTemporal({ onProgress: ({ message }) => update(message) });
    const dataDir = await mkdtemp(path.join(tmpdir(), 'pegasus-test-'));
    const clean = (): Promise<void> => rm(dataDir, { recursive: true, force: true });
    try {
      const server = await startDevServer({ binary, dataDir, ui: false });
      return {
        settings: { address: server.address, namespace: 'default', tls: false },
        source: 'a Temporal of its own',
        close: () => server.stop().then(clean),
      };
    } catch (error) {
      await clean();
      throw error;
    }
  });
}
