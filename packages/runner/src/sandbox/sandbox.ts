import { type ChildProcess } from 'node:child_process';

/**
 * What stands between a tenant's code and the machine. Each is put up where the host can, and named where it cannot.
 * `files`: own root, nothing of the host in it but what Node and the worker's code are. `processes`: sees and signals
 * no process but its own. `network`: a network of its own, with the supervisor's ports in it and nothing else.
 * `user`: a user id that no other worker has. `memory`, `cpu`, `tasks`, `disk`: a bound that the kernel holds.
 * `syscalls`: calls that no worker needs are refused. `permission`: Node's own flags.
 */
export const WALLS = [
  'files',
  'processes',
  'network',
  'user',
  'memory',
  'cpu',
  'tasks',
  'disk',
  'syscalls',
  'permission',
] as const;
export type WallName = (typeof WALLS)[number];

/** One wall of this machine: what holds it up, or what the host lacks for it, as a clause. */
export interface Wall {
  name: WallName;
  up: boolean;
  detail: string;
}

/** How much of the machine one worker process may take. */
export interface SandboxLimits {
  /** Resident bytes at which the kernel stops it; the supervisor replaces it before. */
  memoryBytes: number;
  /** Processes and threads. */
  tasks: number;
  /** Open file descriptors of one process. */
  openFiles: number;
  /** Bytes of its home, and again of its temporary directory; also the largest file. */
  diskBytes: number;
  /** Processor cores it may use; 0 is all of them. */
  cpus: number;
}

export interface LaunchRequest {
  /** Absolute path of the worker's main file. */
  main: string;
  args: string[];
  /** Flags of Node. */
  execArgv: string[];
  /** All of its environment; the sandbox adds `HOME` and `TMPDIR`. */
  env: NodeJS.ProcessEnv;
}

/** How a worker process ended. A signal that ended it inside of its sandbox is told as that signal. */
export interface ProcessEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** The kernel ended it for reaching its bound on memory. */
  outOfMemory?: boolean;
}

/** A worker process in its walls. */
export interface Launched {
  /** What was spawned: with namespaces their keeper, whose end ends all inside. Its fd 4 is {@link CHANNEL_FD}'s other end. */
  child: ChildProcess;
  /** Settles when the process and all of its walls are gone. */
  exited: Promise<ProcessEnd>;
  /** Pid of the worker as this side sees it, once it is known. */
  pid(): number | undefined;
  /** Bounds it to so many cores from now on, where the host can. */
  boundCpus(cpus: number): void;
}

/** Where the worker finds the pipe to its supervisor. */
export const CHANNEL_FD = 4;

/** A way to run worker processes. One instance per supervisor. */
export interface Sandbox {
  readonly kind: 'bubblewrap' | 'process' | 'off';
  readonly walls: readonly Wall[];
  /** Whether a worker has a network of its own, into which it must let its supervisor (`worker/own-network.ts`). */
  readonly ownNetwork: boolean;
  /** Starts one worker process; never throws for what the host refuses, the process ends then. */
  launch(request: LaunchRequest): Launched;
  /** Gives back what this sandbox holds on the machine, after every process of it is gone. */
  close(): Promise<void>;
}
