/**
 * Job: Temporal's own dev server, on a SQLite file in a data directory, tuned, watched and restarted.
 *
 * Boundary: one binary, one data directory, ports on the loopback interface. Where the binary comes from is the
 * business of `ensure.ts`.
 *
 * Invariants
 * 1. At most one dev server works on a data directory: one left by a killed parent is ended before a new one starts.
 * 2. It dies with its parent where the system can do that (Linux with setpriv), and is found by its pid file elsewhere.
 * 3. A restart keeps the port, unless somebody took it meanwhile; then `address` changes and `onMoved` is called.
 * 4. What it acknowledged is on disk: SQLite runs with a write-ahead log and full synchronisation.
 * 5. One that answers and cannot read its store any more is restarted (`store-watch.ts`).
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { startAbortably } from '../process/abort.js';
import { Child, type ChildCommand, type ChildEvent } from '../process/child.js';
import { findOnPath } from '../process/find-on-path.js';
import { baseEnvironment } from '../process/environment.js';
import { endStaleProcess } from '../process/pid-file.js';
import { freePort, isPortFree } from '../process/ports.js';
import { probeTemporal, waitForTemporal } from './health.js';
import { watchStore } from './store-watch.js';

export interface DevServerOptions {
  /** Executable `temporal`, as found by `ensureTemporal`. */
  binary: string;
  /** Holds `temporal/` (database, pid file) and `logs/temporal.log`. */
  dataDir: string;
  /** Wanted port of the frontend; another free one is taken when it is not free. Default: any free one. */
  port?: number;
  /** Whether to serve Temporal's web UI, on a free port. Default true. */
  ui?: boolean;
  /** Namespaces besides `default`. */
  namespaces?: string[];
  /** More `key=value` pairs of Temporal's dynamic configuration; the value is JSON. */
  dynamicConfig?: Record<string, number | string | boolean>;
  onEvent?: (event: ChildEvent) => void;
  /** Aborting while it starts ends it; the start rejects then. Without effect afterwards. */
  signal?: AbortSignal | undefined;
  onMoved?: (address: string) => void;
}

export interface DevServer {
  /** `host:port` of the frontend. */
  readonly address: string;
  /** Base URL of the web UI; undefined when it is off. */
  readonly uiUrl: string | undefined;
  readonly pid: number | undefined;
  /** Ends it for good, cleanly. */
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 60_000;
const STOP_GRACE_MS = 10_000;
const STALE_GRACE_MS = 5_000;
const WATCH_MS = 2_000;
const WATCH_STRIKES = 4;

/**
 * The dev server polls each task queue of its single history shard 20 times a second unless told otherwise, so every
 * hop of a workflow would wait up to 50 ms.
 */
const TUNING = {
  'history.transferProcessorMaxPollRPS': 5000,
  'history.timerProcessorMaxPollRPS': 5000,
  'history.visibilityProcessorMaxPollRPS': 5000,
  // One node needs no partitions; with the default four, a queue's first task waits for forwarding between them.
  'matching.numTaskqueueReadPartitions': 1,
  'matching.numTaskqueueWritePartitions': 1,
  // Off by default: an activity then comes with the answer to the workflow task that schedules it, without a poll.
  'system.enableActivityEagerExecution': true,
  // The default second is how much later than due a timer may fire.
  'history.timerProcessorMaxTimeShift': '10ms',
} as const;

/** Search attributes every namespace has, one of each type. */
const SEARCH_ATTRIBUTES = {
  CustomKeywordField: 'Keyword',
  CustomTextField: 'Text',
  CustomIntField: 'Int',
  CustomDoubleField: 'Double',
  CustomBoolField: 'Bool',
  CustomDatetimeField: 'Datetime',
  CustomKeywordListField: 'KeywordList',
} as const;

/**
 * Starts the dev server and waits until it answers for every namespace.
 * @throws PegasusError SERVICE_UNAVAILABLE with the end of its log when it does not come up.
 */
export async function startDevServer(options: DevServerOptions): Promise<DevServer> {
  const directory = join(options.dataDir, 'temporal');
  const pidFile = join(directory, 'pid');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await endStaleProcess(pidFile, STALE_GRACE_MS);

  const setpriv = process.platform === 'linux' ? await findOnPath('setpriv') : undefined;
  const namespaces = ['default', ...(options.namespaces ?? [])];
  let port = options.port;
  let uiPort: number | undefined;

  const command = async (): Promise<ChildCommand> => {
    const wanted = port;
    port = wanted !== undefined && (await isPortFree(HOST, wanted)) ? wanted : await freePort(HOST);
    if (options.ui !== false && !(uiPort !== undefined && (await isPortFree(HOST, uiPort))))
      uiPort = await freePort(HOST);
    if (started && port !== wanted) options.onMoved?.(`${HOST}:${port}`);
    const args = devServerArgs({
      port,
      uiPort,
      dbFile: join(directory, 'temporal.db'),
      namespaces,
      dynamicConfig: { ...TUNING, ...options.dynamicConfig },
    });
    const [file, prefix] = setpriv
      ? [setpriv, ['--pdeathsig', 'KILL', '--', options.binary]]
      : [options.binary, []];
    return { file, args: [...prefix, ...args], env: baseEnvironment(), ipc: false };
  };

  let started = false;
  const child = new Child({
    name: 'Temporal',
    command,
    ready: (_process, signal) =>
      waitForTemporal(
        { address: `${HOST}:${port}`, namespace: 'default', tls: false },
        { namespaces, timeoutMs: START_TIMEOUT_MS, signal },
      ),
    logFile: join(options.dataDir, 'logs', 'temporal.log'),
    pidFile,
    startTimeoutMs: START_TIMEOUT_MS,
    stopGraceMs: STOP_GRACE_MS,
    ...(options.onEvent ? { onEvent: options.onEvent } : {}),
  });
  await startAbortably(child, options.signal);
  started = true;
  const watch = watchStore({
    probe: () =>
      probeTemporal({ address: `${HOST}:${port}`, namespace: 'default', tls: false }, undefined, WATCH_MS),
    onStuck: (failure) => child.restart(`it cannot read its store (${failure})`),
    intervalMs: WATCH_MS,
    strikes: WATCH_STRIKES,
  });
  return {
    get address() {
      return `${HOST}:${port}`;
    },
    get uiUrl() {
      return uiPort === undefined ? undefined : `http://${HOST}:${uiPort}`;
    },
    get pid() {
      return child.pid;
    },
    stop: () => {
      watch.stop();
      return child.stop();
    },
  };
}

interface DevServerArgs {
  port: number;
  uiPort: number | undefined;
  dbFile: string;
  namespaces: string[];
  dynamicConfig: Record<string, number | string | boolean>;
}

/** The command line of `temporal server start-dev`, tuned and durable (invariant 4). */
export function devServerArgs(options: DevServerArgs): string[] {
  return [
    'server',
    'start-dev',
    ...['--ip', HOST, '--port', String(options.port)],
    ...(options.uiPort === undefined ? ['--headless'] : ['--ui-port', String(options.uiPort)]),
    ...['--db-filename', options.dbFile],
    ...['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=FULL'],
    ...options.namespaces.flatMap((namespace) => ['--namespace', namespace]),
    ...Object.entries(SEARCH_ATTRIBUTES).flatMap(([name, type]) => ['--search-attribute', `${name}=${type}`]),
    ...Object.entries(options.dynamicConfig).flatMap(([key, value]) => [
      '--dynamic-config-value',
      `${key}=${JSON.stringify(value)}`,
    ]),
    ...['--log-format', 'json', '--log-level', 'warn'],
  ];
}
