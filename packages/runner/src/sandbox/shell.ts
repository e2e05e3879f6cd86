/**
 * Job: command lines of coding agents, and agents that are programs, each in walls of its own that are gone when it is.
 *
 * Boundary: turns a request into mounts, one command line of bubblewrap and file descriptors. Which mounts is
 * `shell-mounts.ts`, where git keeps what belongs to a workspace `shell-git.ts`, what the host can do `capabilities.ts`.
 *
 * Invariants
 * 1. Nothing is run where files, processes and the network cannot be walled off; without walls only where the sandbox is
 *    switched off by name.
 * 2. A command has its workspace's mounts, the system's own folders and nothing else of the host; no environment but
 *    what is said here, and no descriptor but its output.
 * 3. Its end, its time's end and this process's end are the end of all that it has started.
 * 4. Its network has nothing in it, but a proxy under the platform's policy where that was granted.
 * 5. It runs as the workspace's owner, with no capability: what it makes belongs to them. Where that is root, nothing of
 *    `/proc` is written either.
 */
import { spawn, type ChildProcess, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, realpathSync } from 'node:fs';
import { lstat, mkdir, realpath } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import {
  EngineError,
  launchPlainly,
  type Launched,
  type ProgramRequest,
  type Programs,
  type Shell,
  type ShellRefusal,
  type ShellRequest,
  type ShellResult,
} from '@pegasus-workflows/agents';
import { PegasusError } from '@pegasus-workflows/contracts';
import { type Logger } from '@pegasus-workflows/kit';
import { type EgressPolicy } from '@pegasus-workflows/kit/egress';
import { bubblewrapArguments, ETC_FILES, INSIDE } from './bubblewrap-arguments.js';
import { probeCapabilities, type Capabilities } from './capabilities.js';
import { openContents } from './contents.js';
import { rlimitWords } from './limits.js';
import { type SandboxMode } from './open.js';
import { type SandboxLimits } from './sandbox.js';
import { HAND_OUT_PORT, PROXY_ENVIRONMENT, serveProxy } from './shell-egress.js';
import { make, readGitLayout, sweepGit, type GitLayout } from './shell-git.js';
import { isIn, mountWords, OWN_FOLDER, workspaceMounts } from './shell-mounts.js';
import { Refused, runToEnd, type RunEnd } from './shell-run.js';
import { entryWords, niceWords, userWords } from './spawn.js';
import { outsideOf, systemFolders } from './system-folders.js';
import { SANDBOX_VARIABLES } from './variables.js';

/** What one command may take, unless the operator says otherwise. */
export const SHELL_LIMITS: SandboxLimits = {
  memoryBytes: 2 * 1024 ** 3,
  tasks: 512,
  openFiles: 4_096,
  diskBytes: 1024 ** 3,
  cpus: 0,
};

/** What walls are put up around. */
type Place = Pick<ShellRequest, 'root' | 'cwd' | 'env' | 'network' | 'paths'>;

export interface ShellOptions {
  mode: SandboxMode;
  /** Where commands may connect to, when they may at all. */
  egress: EgressPolicy;
  logger: Logger;
  limits?: SandboxLimits;
  /** Read-only folders besides the system's, whose `bin` is on the path of commands. */
  programs?: readonly string[];
}

/** Throws VALIDATION_ERROR for a mode that there is not. Where the walls are not possible, each command is refused. */
export async function openShell(options: ShellOptions): Promise<SandboxShell | PlainShell> {
  const { mode, logger, limits = SHELL_LIMITS } = options;
  if (mode === 'container')
    throw new PegasusError(
      'VALIDATION_ERROR',
      'PEGASUS_SANDBOX=container is not built; use auto or require.',
    );
  if (mode === 'off') {
    logger.warn(
      'PEGASUS_SANDBOX=off: commands of agents run as plain processes of this user; for debugging only',
    );
    return new PlainShell();
  }
  const can = await probeCapabilities([], limits);
  const shell = new SandboxShell(can, { ...options, limits });
  if (shell.lacks === undefined) return shell;
  if (mode === 'require') {
    await shell.close();
    throw new PegasusError('VALIDATION_ERROR', `PEGASUS_SANDBOX=require, but ${shell.lacks}.`);
  }
  logger.warn(`commands of agents are refused here: ${shell.lacks}`);
  return shell;
}

const ETC = {
  ...ETC_FILES,
  '/etc/passwd': ETC_FILES['/etc/passwd']!.replace('/usr/sbin/nologin', '/bin/bash'),
  // The weakest of git's settings: a repository's own come before them. Nothing of it is left running.
  '/etc/gitconfig':
    '[user]\n\tname = Pegasus agent\n\temail = agent@pegasus.invalid\n[safe]\n\tdirectory = *\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n',
};
/** Of `/etc`: which program a name of the system stands for. */
const ALTERNATIVES = '/etc/alternatives';
/** Descriptor of bubblewrap's status; what it reads is after it. */
const STATUS_FD = 4;

/** Nothing of what starts a command is left to it: no descriptor but the standard ones, no channel to us. */
const CLEARED = [
  'unset NODE_CHANNEL_FD NODE_CHANNEL_SERIALIZATION_MODE',
  'for fd in /proc/self/fd/*; do fd=${fd##*/}; [ "$fd" -gt 2 ] && eval "exec $fd>&-"; done',
];

/**
 * Run inside by bash: hands out the network's port where there is one to be (`$2`: Node, `$3`: what it runs), closes
 * every descriptor but the standard ones, and becomes the command, whose error goes where its output goes.
 */
const ENTER = [
  'if [ -n "$2" ]; then "$2" -e "$3" || { echo "The way to the network could not be opened."; exit 1; }; fi',
  ...CLEARED,
  'exec bash --noprofile --norc -c "$1" 2>&1',
].join('\n');

/** As {@link ENTER}, for a program that is talked to (`$1`: Node, `$2`: what it runs). */
const ENTER_PROGRAM = [
  'if [ -n "$1" ]; then "$1" -e "$2" </dev/null || { echo "The way to the network could not be opened." >&2; exit 1; }; fi',
  'shift 2',
  ...CLEARED,
  'exec "$@"',
].join('\n');

export class SandboxShell implements Shell, Programs {
  readonly #system = systemFolders();
  readonly #etc = openContents(ETC);
  readonly #filter: number | undefined;
  readonly #node = realpathSync(process.execPath);

  constructor(
    private readonly can: Capabilities,
    private readonly options: ShellOptions & { limits: SandboxLimits },
  ) {
    const { syscallFilter } = can;
    this.#filter = syscallFilter && openContents({ filter: syscallFilter }).get('filter');
  }

  /** Why no command can be run here, as a clause. */
  get lacks(): string | undefined {
    const { namespaces, lacks } = this.can;
    if (namespaces?.network) return undefined;
    return lacks.network ?? lacks.namespaces ?? 'there are no namespaces';
  }

  async run(request: ShellRequest, signal: AbortSignal): Promise<ShellResult | ShellRefusal> {
    try {
      return await this.#run(request, signal);
    } catch (error) {
      if (error instanceof Refused) return { refused: error.message };
      throw error;
    }
  }

  /** Its workspace is read-only, and it connects to the hosts that are named, if the platform's policy lets it. */
  async start(request: ProgramRequest): Promise<Launched> {
    try {
      return await this.#start(request);
    } catch (error) {
      if (error instanceof Refused) throw new EngineError(error.message, true);
      throw error;
    }
  }

  async #start({
    command,
    args,
    env,
    cwd,
    root,
    denied,
    folders,
    hosts = [],
  }: ProgramRequest): Promise<Launched> {
    const network = hosts.length > 0;
    const place: Place = { root, cwd, env, network, paths: { writable: [], denied } };
    this.#refuseNames(place);
    const owner = await this.#ownerOf(place);
    const { mounts } = await surroundings(place);
    const group = this.can.groups.make();
    const fds = this.#openFiles();
    try {
      const handOut = network ? [this.#node, HAND_OUT_PORT] : ['', ''];
      const enter = ['/bin/bash', '--noprofile', '--norc', '-c', ENTER_PROGRAM, 'bash', ...handOut];
      const [file, ...words] = this.#words(group.entries, owner, mounts, place, folders);
      const child = spawn(file!, [...words, ...enter, command, ...args], {
        cwd: '/',
        env: this.#environment(place),
        stdio: ['pipe', 'pipe', 'pipe', network ? 'ipc' : 'ignore', 'pipe', ...fds],
        detached: true,
        serialization: 'json',
      }) as ChildProcessWithoutNullStreams;
      // What bubblewrap says of itself has to be read by somebody.
      statusOf(child);
      const endNetwork = this.#giveNetwork(child, hosts);
      await once(child, 'spawn');
      const cleanUp = async (): Promise<void> => {
        endNetwork();
        await group.remove();
      };
      return { child, cleanUp };
    } catch (error) {
      await group.remove();
      throw error;
    } finally {
      fds.forEach(closeSync);
    }
  }

  #refuseNames({ env }: Pick<Place, 'env'>): void {
    if (this.lacks !== undefined)
      throw new Refused(`No command is run: the sandbox cannot be put up here, because ${this.lacks}.`);
    if (Object.keys(env).some((name) => SANDBOX_VARIABLES.test(name)))
      throw new Refused('The environment of a command has a name in it that is the sandbox’s own.');
  }

  async #run(request: ShellRequest, signal: AbortSignal): Promise<ShellResult> {
    this.#refuseNames(request);
    const owner = await this.#ownerOf(request);
    const { git, mounts } = await surroundings(request);
    const group = this.can.groups.make();
    const fds = this.#openFiles();
    let endNetwork = (): void => undefined;
    let status = (): string => '';
    try {
      const ended = await runToEnd(
        {
          words: [...this.#words(group.entries, owner, mounts, request), ...this.#command(request)],
          env: this.#environment(request),
          cwd: '/',
          extra: [request.network ? 'ipc' : 'ignore', 'pipe', ...fds],
          timeoutMs: request.timeoutMs,
          starter: request.starter,
          maxOutputBytes: request.maxOutputBytes,
          kill: (child) => void child.kill('SIGKILL'),
          onSpawned: (child) => {
            fds.splice(0).forEach(closeSync);
            status = statusOf(child);
            if (request.network) endNetwork = this.#giveNetwork(child);
          },
        },
        signal,
      );
      // It tells an exit code of what it has started, and of nothing else.
      if (ended.code !== null && ended.endedBy === undefined && !status().includes('exit-code'))
        throw new Refused(`No command was run: ${reasonOf(ended)}.`);
      return resultOf(ended, group.ranOutOfMemory());
    } finally {
      endNetwork();
      fds.forEach(closeSync);
      await group.remove();
      if (git) await sweepGit(git);
    }
  }

  /** Invariant 4: serves the port that comes out of it. @returns ends that */
  #giveNetwork(child: ChildProcess, hosts?: readonly string[]): () => void {
    let end: (() => void) | undefined;
    child.once('message', (_message, handle) => {
      end = serveProxy(handle, this.options.egress, this.options.logger, hosts);
      if (child.connected) child.disconnect();
    });
    return () => end?.();
  }

  /** After the last command. */
  async close(): Promise<void> {
    for (const fd of this.#etc.values()) closeSync(fd);
    if (this.#filter !== undefined) closeSync(this.#filter);
    await this.can.groups.close();
  }

  /** Invariant 5. `undefined`: it is this process's user. */
  async #ownerOf({ root }: Place): Promise<{ uid: number; gid: number } | undefined> {
    const { uid, gid } = await lstat(root);
    const own = process.getuid?.();
    if (uid === own) return undefined;
    if (own !== 0 || !this.can.users)
      throw new Refused(
        `The workspace belongs to another user (${uid}); run the platform as that user, or as root.`,
      );
    return { uid, gid };
  }

  #openFiles(): number[] {
    const files = [...this.#etc.values(), ...(this.#filter === undefined ? [] : [this.#filter])];
    return files.map((fd) => openSync(`/proc/self/fd/${fd}`, 'r'));
  }

  #words(
    entries: readonly string[],
    owner: { uid: number; gid: number } | undefined,
    mounts: readonly string[],
    { cwd }: Place,
    folders: readonly string[] = [],
  ): string[] {
    const { users, groups, prlimit, namespaces } = this.can;
    const { limits, programs = [] } = this.options;
    const paths = [...this.#etc.keys()];
    return [
      ...entryWords(entries),
      ...(groups.controllers.includes('cpu') ? [] : niceWords()),
      ...(owner ? userWords(users!.setpriv, owner.uid, owner.gid) : []),
      namespaces!.bwrap,
      ...bubblewrapArguments({
        system: this.#system,
        code: outsideOf(this.#system, [this.#node, ...programs, ...folders]),
        limits,
        etc: new Map(paths.map((path, index) => [path, STATUS_FD + 1 + index])),
        statusFd: STATUS_FD,
        ...(this.#filter === undefined ? {} : { seccompFd: STATUS_FD + 1 + paths.length }),
        ownNetwork: true,
        workspace: {
          mounts: ['--ro-bind-try', ALTERNATIVES, ALTERNATIVES, ...mounts],
          cwd,
        },
      }),
      ...(prlimit
        ? rlimitWords(prlimit, limits, {
            tasks: !groups.controllers.includes('pids') && countsTasksInside(),
            memory: !groups.controllers.includes('memory'),
          })
        : []),
    ];
  }

  #command({ command, network }: ShellRequest): string[] {
    const handOut = network ? [this.#node, HAND_OUT_PORT] : ['', ''];
    return ['/bin/bash', '--noprofile', '--norc', '-c', ENTER, 'bash', command, ...handOut];
  }

  /** Invariant 2. */
  #environment({ env, network }: Place): NodeJS.ProcessEnv {
    const bins = (this.options.programs ?? [])
      .map((folder) => join(folder, 'bin'))
      .filter((bin) => existsSync(bin));
    return {
      ...env,
      ...(network ? PROXY_ENVIRONMENT : {}),
      PATH: [...bins, INSIDE.path].join(':'),
      HOME: INSIDE.home,
      TMPDIR: INSIDE.tmp,
    };
  }
}

/** Bash and programs as they are, where the sandbox is switched off. */
export class PlainShell implements Shell, Programs {
  start({ command, args, cwd, env }: ProgramRequest): Promise<Launched> {
    return launchPlainly({ command, args, cwd, env });
  }

  async run(request: ShellRequest, signal: AbortSignal): Promise<ShellResult> {
    const ended = await runToEnd(
      {
        words: [
          'bash',
          '--noprofile',
          '--norc',
          '-c',
          'exec bash --noprofile --norc -c "$1" 2>&1',
          'bash',
          request.command,
        ],
        env: { ...request.env, PATH: process.env['PATH'], HOME: process.env['HOME'] },
        cwd: request.cwd,
        extra: [],
        timeoutMs: request.timeoutMs,
        starter: request.starter,
        maxOutputBytes: request.maxOutputBytes,
        kill: killGroup,
      },
      signal,
    );
    return resultOf(ended, false);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** What is there of a workspace at this moment, as mounts. */
async function surroundings(request: Place): Promise<{ git: GitLayout | undefined; mounts: string[] }> {
  const { root, cwd, paths } = request;
  if ((await realpath(root)) !== root || !isIn(cwd, root))
    throw new Refused('The workspace’s path has a link in it, or the working folder is not below it.');
  await make(join(root, OWN_FOLDER), (path) => mkdir(path, { mode: 0o700 }));
  const git = await readGitLayout(root);
  const denied = await Promise.all(
    paths.denied.map(async (path) => ({ path, isFolder: (await lstat(join(root, path))).isDirectory() })),
  );
  const mounts = workspaceMounts({ root, writable: paths.writable, denied, git });
  return { git, mounts: mountWords(mounts) };
}

/** Follows what bubblewrap says of itself; the answer is all of it so far. */
function statusOf(child: ChildProcess): () => string {
  let text = '';
  const status = (child.stdio as readonly unknown[])[STATUS_FD] as NodeJS.ReadableStream | null | undefined;
  status?.on('data', (chunk: Buffer) => (text = (text + chunk.toString()).slice(-4_096)));
  status?.on('error', () => undefined);
  return () => text;
}

function reasonOf({ said, code }: RunEnd): string {
  const [line = ''] = said.trim().split('\n');
  return line.replace(/^bwrap: /, '').replace(/\.$/, '') || `the sandbox ended with ${code}`;
}

function resultOf(ended: RunEnd, outOfMemory: boolean): ShellResult {
  const { code, output, omitted, endedBy, durationMs } = ended;
  return {
    exitCode: endedBy === undefined ? code : null,
    output,
    omitted,
    timedOut: endedBy === 'time',
    flooded: endedBy === 'output',
    outOfMemory,
    durationMs,
  };
}

/** From then on processes are counted in their own user namespace, not over all of the user's. */
const COUNTS_BY_NAMESPACE = [5, 14] as const;

function countsTasksInside(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return (
    major > COUNTS_BY_NAMESPACE[0] || (major === COUNTS_BY_NAMESPACE[0] && minor >= COUNTS_BY_NAMESPACE[1])
  );
}
