import { fileURLToPath } from 'node:url';
import { type Duplex } from 'node:stream';
import { type Logger } from '@pegasus-workflows/kit';
import { Channel } from '../channel.js';
import { OWN_NETWORK_ARGUMENT } from '../own-network-ports.js';
import { CHANNEL_FD, type Launched, type ProcessEnd, type Sandbox } from '../sandbox/sandbox.js';
import { WorkerOutput } from './logs/worker-output.js';
import { portsFromWorker, portsOnLoopback, type WorkerPorts } from './worker-ports.js';

const WORKER_MAIN = fileURLToPath(new URL('../worker/main.js', import.meta.url));
/** All that a worker inherits. No path of the platform, no address, no token. */
const PASSED_ON = ['PATH', 'LANG', 'LC_ALL', 'TZ', 'LOG_LEVEL', 'PEGASUS_FAILPOINTS'] as const;
/** The share of a tenant's memory that V8's main heap may take; the rest is native memory and workflow threads. */
const HEAP_SHARE = 0.5;
const MIB = 1024 * 1024;

export interface WorkerChild {
  /** Where its messages come and go. */
  channel: Channel;
  /** What it prints. */
  output: WorkerOutput;
  /** Its ways to the supervisor. Settles before anything is asked of it; rejects when the process is gone. */
  ports: Promise<WorkerPorts>;
  /** Settles when the process is gone. */
  exited: Promise<ProcessEnd>;
  /** Pid of the worker itself as this side sees it, once it is known. */
  pid(): number | undefined;
  /** Bounds it to so many cores from now on, where the host can. */
  boundCpus(cpus: number): void;
  /** Ends it and all that it may have started, now. */
  kill(): void;
  /** `performance.now()` of the spawn. */
  startedAt: number;
}

/** Starts a worker process that belongs to no tenant yet, in a private directory that goes with it. */
export function startWorker(sandbox: Sandbox, tenantMemoryBytes: number, logger: Logger): WorkerChild {
  // Two malloc arenas instead of eight per core: measured, a tenth less resident memory and no slower.
  const env: NodeJS.ProcessEnv = { NODE_ENV: 'production', MALLOC_ARENA_MAX: '2' };
  for (const name of PASSED_ON) if (process.env[name] !== undefined) env[name] = process.env[name];
  const startedAt = performance.now();
  const launched = sandbox.launch({
    main: WORKER_MAIN,
    args: sandbox.ownNetwork ? [OWN_NETWORK_ARGUMENT] : [],
    execArgv: [`--max-old-space-size=${Math.round((tenantMemoryBytes * HEAP_SHARE) / MIB)}`],
    env,
  });
  const { child, exited } = launched;
  child.once('error', (error) => logger.error({ err: error }, 'worker process failed'));
  return {
    channel: channelOf(launched, logger),
    output: new WorkerOutput(child, logger),
    ports: portsFor(sandbox, launched),
    exited,
    startedAt,
    pid: launched.pid,
    boundCpus: launched.boundCpus,
    kill: () => void child.kill('SIGKILL'),
  };
}

function channelOf({ child, pid }: Launched, logger: Logger): Channel {
  const channel = new Channel(child.stdio[CHANNEL_FD] as Duplex);
  channel.onEnd((reason) => {
    if (reason === undefined) return;
    logger.error({ workerPid: pid(), reason }, 'unreadable message from a worker; killing it');
    child.kill('SIGKILL');
  });
  return channel;
}

function portsFor(sandbox: Sandbox, { child, exited }: Launched): Promise<WorkerPorts> {
  const ports = sandbox.ownNetwork ? portsFromWorker(child, exited) : portsOnLoopback();
  ports.then(
    ({ gateway, http, tunnel }) =>
      void exited.then(() => {
        for (const port of [gateway, http, tunnel]) port?.close();
      }),
    // What it handed out was wrong, or it is gone already.
    () => child.kill('SIGKILL'),
  );
  return ports;
}
