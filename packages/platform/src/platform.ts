/**
 * Job: everything Pegasus needs, running on one machine: Temporal, server and supervisor, started in that order,
 * watched, restarted, and stopped in the opposite order.
 *
 * Boundary: one data directory, one HTTP port. It handles no signal of its own process: whoever started it calls
 * `stop()`.
 *
 * Invariants
 * 1. One platform per data directory.
 * 2. When `startPlatform` has resolved, the server answers at `url` and the supervisor takes work; when it has rejected,
 *    nothing it started is alive.
 * 3. `url` stays the same until `stop()`, whatever is restarted.
 * 4. What a killed platform left running on this data directory is ended before anything is started.
 * 5. After `stop()` no process of this platform is alive.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { z } from 'zod';
import { PegasusError } from '@pegasus-workflows/contracts';
import { dataLayout, defaultDataDir, prepareDataDir, type DataLayout, type Part } from './data/layout.js';
import { acquirePlatformLock } from './data/platform-lock.js';
import { choosePort, type ChosenPort } from './http-port.js';
import { startAbortably } from './process/abort.js';
import { childEventReporter } from './process/child-events.js';
import { endStaleProcess } from './process/pid-file.js';
import { stageReporter, type OnProgress } from './progress.js';
import { keyVariables, readHostFile } from '@pegasus-workflows/runner/agents-file';
import { agentsChild, NAMES, serverChild, supervisorChild, type ChildSettings } from './children.js';
import { provideTemporal, type PlatformTemporal } from './temporal/provide.js';

export interface PlatformOptions {
  /** Default: `$XDG_DATA_HOME/pegasus`, else `~/.local/share/pegasus`. */
  dataDir?: string;
  /** Port of the HTTP API; 0 is any free one. Default 4800. */
  port?: number;
  /** Whether a taken port is an error (true) or moves to the next free one (false). Default: whether `port` is given. */
  portIsExplicit?: boolean;
  /** Address the server listens on. Default 127.0.0.1. */
  host?: string;
  onProgress?: OnProgress;
  /** Aborting ends a start that is under way, with the signal's reason and no process left. Without effect afterwards. */
  signal?: AbortSignal;
  /** Added to, and winning over, this process's environment, for the platform and for its children. */
  env?: Record<string, string>;
  /** Added for one child alone. */
  childEnv?: Partial<Record<Part, Record<string, string>>>;
  /** Whether the embedded Temporal serves its web UI. Default true. */
  temporalUi?: boolean;
  /** Other main files than those of the installed packages. */
  programs?: Partial<Record<Part, string>>;
}

/** A tenant the platform made for its operator, and a key that may do everything in it. */
export interface TenantAccess {
  tenantId: string;
  apiKey: string;
}

export interface Platform {
  /** Base URL of the HTTP API, without a trailing slash. */
  readonly url: string;
  readonly dataDir: string;
  readonly tenant: TenantAccess;
  readonly platformTenant: TenantAccess;
  readonly temporal: {
    readonly address: string;
    readonly namespace: string;
    readonly uiUrl: string | undefined;
    /** Whether it is somebody else's (`TEMPORAL_ADDRESS`), which is never started or stopped. */
    readonly external: boolean;
  };
  /** Set when the default port was taken. */
  readonly portMoved: { from: number; to: number } | undefined;
  /** Live processes; undefined while one is being restarted. */
  pids(): Record<'temporal' | 'server' | 'supervisor', number | undefined> & { agents?: number | undefined };
  /** Stops the agent host, supervisor, server and Temporal, in that order; each finishes what it has in hand. May be called twice. */
  stop(): Promise<void>;
}

const require = createRequire(import.meta.url);

const STALE_GRACE_MS = 5_000;

/**
 * Starts a platform.
 * @throws PegasusError CONFLICT when the data directory is in use or an explicit port is taken; SERVICE_UNAVAILABLE when
 *   Temporal cannot be had or a part does not come up, with the end of that part's log; the reason of `signal`.
 */
export async function startPlatform(options: PlatformOptions = {}): Promise<Platform> {
  const env = { ...process.env, ...options.env };
  const layout = dataLayout(options.dataDir ?? defaultDataDir(env));
  const undo: (() => Promise<void>)[] = [];
  const unwind = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (const step of undo.splice(0).reverse()) await step().catch((error) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  };
  try {
    await prepareDataDir(layout);
    options.signal?.throwIfAborted();
    undo.push(await acquirePlatformLock(layout.lock));
    await endStaleProcess(layout.pids.agents, STALE_GRACE_MS);
    await endStaleProcess(layout.pids.supervisor, STALE_GRACE_MS);
    await endStaleProcess(layout.pids.server, STALE_GRACE_MS);
    const platform = await startParts(options, env, layout, undo, unwind);
    options.signal?.throwIfAborted();
    return platform;
  } catch (error) {
    await unwind().catch(() => undefined);
    // What a part says about being stopped is not why it was.
    options.signal?.throwIfAborted();
    throw error;
  }
}

async function startParts(
  options: PlatformOptions,
  env: NodeJS.ProcessEnv,
  layout: DataLayout,
  undo: (() => Promise<void>)[],
  unwind: () => Promise<void>,
): Promise<Platform> {
  const host = options.host ?? '127.0.0.1';
  const chosen = await choosePort(host, options.port, options.portIsExplicit ?? options.port !== undefined);
  if (chosen.movedFrom !== undefined)
    stageReporter('server', options.onProgress)(`port ${chosen.movedFrom} is taken; using ${chosen.port}`);

  const agentsFile = env['PEGASUS_AGENTS_FILE'];
  const hostFile = agentsFile ? await readHostFile(agentsFile) : undefined;

  const temporal = await provideTemporal({
    env,
    dataDir: layout.root,
    ui: options.temporalUi ?? true,
    onProgress: options.onProgress,
    signal: options.signal,
    // Settings reach a process when it starts, so those that talk to Temporal start again.
    onMoved: () => void Promise.all([server.restart(), supervisor.restart(), agents?.restart()]),
  });
  undo.push(() => temporal.stop());

  const url = localUrl(host, chosen.port);
  const settings = (part: Part): ChildSettings => ({
    main: options.programs?.[part] ?? mainFileOf(part),
    layout,
    env,
    given: options.env ?? {},
    temporalEnv: () => temporal.env(),
    givenToThis: options.childEnv?.[part] ?? {},
    url,
    host,
    port: chosen.port,
    onEvent: childEventReporter(part, NAMES[part], options.onProgress),
  });
  const server = serverChild(settings('server'));
  const supervisor = supervisorChild(settings('supervisor'));
  let agents: ReturnType<typeof agentsChild> | undefined;
  undo.push(() => server.stop());
  await reportStart('server', options.onProgress, () => startAbortably(server, options.signal));
  const access = await readBootstrap(layout.secrets.bootstrap);
  undo.push(() => supervisor.stop());
  await reportStart('supervisor', options.onProgress, () => startAbortably(supervisor, options.signal));
  if (hostFile) {
    agents = agentsChild(settings('agents'), keyVariables(hostFile), access.tenant.tenantId);
    const host = agents;
    undo.push(() => host.stop());
    await reportStart('agents', options.onProgress, () => startAbortably(host, options.signal));
  }
  return platformOf({ url, layout, chosen, access, temporal, server, supervisor, agents, unwind });
}

interface Parts {
  url: string;
  layout: DataLayout;
  chosen: ChosenPort;
  access: Pick<Platform, 'tenant' | 'platformTenant'>;
  temporal: PlatformTemporal;
  server: { readonly pid: number | undefined };
  supervisor: { readonly pid: number | undefined };
  agents: { readonly pid: number | undefined } | undefined;
  unwind: () => Promise<void>;
}

function platformOf(parts: Parts): Platform {
  const { temporal, chosen } = parts;
  let stopped: Promise<void> | undefined;
  return {
    url: parts.url,
    dataDir: parts.layout.root,
    ...parts.access,
    temporal,
    portMoved: chosen.movedFrom === undefined ? undefined : { from: chosen.movedFrom, to: chosen.port },
    pids: () => ({
      temporal: temporal.pid,
      server: parts.server.pid,
      supervisor: parts.supervisor.pid,
      ...(parts.agents ? { agents: parts.agents.pid } : {}),
    }),
    stop: () => (stopped ??= parts.unwind()),
  };
}

/** The main file of an installed package: a subpath that the package exports for this. */
function mainFileOf(part: Part): string {
  const mains = { server: 'server/main', supervisor: 'runner/supervisor', agents: 'runner/agents' };
  return require.resolve(`@pegasus-workflows/${mains[part]}`);
}

/** How this machine reaches a server that listens on `host`: a wildcard address is not one to connect to. */
function localUrl(host: string, port: number): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

const bootstrapSchema = z.object({
  tenantId: z.string(),
  apiKey: z.string(),
  platformTenantId: z.string(),
  platformApiKey: z.string(),
});

/** Reads what the server wrote before it said it was ready. */
async function readBootstrap(path: string): Promise<Pick<Platform, 'tenant' | 'platformTenant'>> {
  try {
    const file = bootstrapSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    return {
      tenant: { tenantId: file.tenantId, apiKey: file.apiKey },
      platformTenant: { tenantId: file.platformTenantId, apiKey: file.platformApiKey },
    };
  } catch (error) {
    throw new PegasusError('INTERNAL_ERROR', `${path}, which holds the first tenant's key, cannot be read`, {
      hint: `remove ${path} and start again: new keys are made`,
      cause: error,
    });
  }
}

async function reportStart(
  stage: Part,
  onProgress: OnProgress | undefined,
  start: () => Promise<void>,
): Promise<void> {
  const report = stageReporter(stage, onProgress);
  report(`starting ${NAMES[stage]}`);
  await start();
  report(`${NAMES[stage]} is ready`);
}
