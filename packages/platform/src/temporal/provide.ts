import { PegasusError } from '@pegasus-workflows/contracts';
import { parseTemporalSettings } from '@pegasus-workflows/kit';
import { rejectOnAbort } from '../process/abort.js';
import { childEventReporter } from '../process/child-events.js';
import { stageReporter, type OnProgress } from '../progress.js';
import { startDevServer } from './dev-server.js';
import { ensureTemporal } from './ensure.js';
import { waitForTemporal } from './health.js';

/** The Temporal of one platform: somebody's cluster, or a dev server of its own. */
export interface PlatformTemporal {
  readonly address: string;
  readonly namespace: string;
  readonly uiUrl: string | undefined;
  readonly external: boolean;
  readonly pid: number | undefined;
  /** Environment variables by which a child reaches it now. */
  env(): Record<string, string>;
  /** Stops a dev server of our own; leaves a cluster alone. */
  stop(): Promise<void>;
}

export interface ProvideOptions {
  env: NodeJS.ProcessEnv;
  dataDir: string;
  ui: boolean;
  onProgress: OnProgress | undefined;
  /** Aborting gives up at once, and leaves no process. */
  signal: AbortSignal | undefined;
  /** The dev server is now at another address. */
  onMoved: () => void;
}

const CLUSTER_TIMEOUT_MS = 15_000;

/**
 * `TEMPORAL_ADDRESS` names a cluster: it is used, and nothing is started. Else a dev server is.
 * @throws PegasusError SERVICE_UNAVAILABLE when the cluster does not answer or no dev server can be had.
 */
export async function provideTemporal(options: ProvideOptions): Promise<PlatformTemporal> {
  return options.env['TEMPORAL_ADDRESS'] ? useCluster(options) : startOwn(options);
}

async function useCluster({ env, onProgress, signal }: ProvideOptions): Promise<PlatformTemporal> {
  const settings = parseTemporalSettings(env);
  const report = stageReporter('temporal', onProgress);
  report(`using Temporal at ${settings.address}, namespace ${settings.namespace}`);
  try {
    const answers = waitForTemporal(settings, { timeoutMs: CLUSTER_TIMEOUT_MS, failFast: true });
    await (signal ? Promise.race([answers, rejectOnAbort(signal)]) : answers);
  } catch (error) {
    throw new PegasusError('SERVICE_UNAVAILABLE', error instanceof Error ? error.message : String(error), {
      hint: 'check TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and its TLS or API key settings, or unset TEMPORAL_ADDRESS to have a Temporal started here',
      cause: error,
    });
  }
  const variables = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[0].startsWith('TEMPORAL_') && entry[1] !== undefined,
  );
  return {
    address: settings.address,
    namespace: settings.namespace,
    uiUrl: undefined,
    external: true,
    pid: undefined,
    env: () => Object.fromEntries(variables),
    stop: async () => {},
  };
}

async function startOwn(options: ProvideOptions): Promise<PlatformTemporal> {
  const { onProgress } = options;
  const binary = await ensureTemporal({
    env: options.env,
    signal: options.signal,
    ...(onProgress ? { onProgress } : {}),
  });
  const report = stageReporter('temporal', onProgress);
  report('starting Temporal');
  const server = await startDevServer({
    binary: binary.path,
    dataDir: options.dataDir,
    ui: options.ui,
    signal: options.signal,
    onMoved: options.onMoved,
    onEvent: childEventReporter('temporal', 'Temporal', onProgress),
  });
  report(`Temporal is ready at ${server.address}`);
  return {
    get address() {
      return server.address;
    },
    namespace: 'default',
    get uiUrl() {
      return server.uiUrl;
    },
    external: false,
    get pid() {
      return server.pid;
    },
    env: () => ({ TEMPORAL_ADDRESS: server.address, TEMPORAL_NAMESPACE: 'default' }),
    stop: () => server.stop(),
  };
}
