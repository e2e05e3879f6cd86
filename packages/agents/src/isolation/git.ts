import { execFile } from 'node:child_process';
import { printableLine } from '@pegasus-workflows/contracts/agents';
import { PegasusError } from '@pegasus-workflows/contracts';
import { type WriterLease } from './lease.js';
import { pause, thisProcess } from './processes.js';

/**
 * Job: runs git on a repository that others have written to, so that nothing of it is run.
 *
 * Boundary: one repository. What git is asked is its caller's.
 *
 * Invariants
 * 1. No hook, filter, driver of merges or diffs, editor, pager or helper of the repository's configuration is run, and the
 *    user's own configuration is not read. A driver of merges says that there is a conflict; a filter leaves bytes as they are.
 * 2. Nothing is asked for, nothing is fetched from another host, and every run has an end: in time and in output.
 * 3. A lock of git that somebody else holds is waited for, for so long as {@link TRIES} say.
 * 4. What was started says by its environment which process has started it, so that it can be ended with it.
 */
export interface GitRun {
  /** Overrides of the repository's place, such as a work tree or an index of its own. */
  env?: Record<string, string>;
  cwd?: string;
  input?: string | Buffer;
  /** Exit codes besides 0 that are an answer. */
  codes?: readonly number[];
  /** Of the output. What is longer is an error, or is cut off. */
  mostBytes?: number;
  mayCut?: boolean;
  /** It writes the workspace: it is started under this lease, and ended with it. */
  lease?: WriterLease;
}

export interface GitAnswer {
  code: number;
  bytes: Buffer;
  text: string;
  isCut: boolean;
}

/** What is in the environment of every git that was started: which process has. */
export const GIT_MARK = 'PEGASUS_GIT_OF';
/**
 * A pathspec: everything but the dispatcher's own. A name written out would be refused by `git add` where the repository
 * ignores it, so that it is a pattern.
 */
export const NOT_OURS: readonly string[] = ['.', ':(exclude,top,glob).pug[i]/**'];
const TIMEOUT_MS = 120_000;
const MOST_BYTES = 64 * 1024 * 1024;
const TRIES = 40;
const LOCKED =
  /\.lock': File exists|cannot lock ref|could not lock|failed to lock|Another git process|unable to lock|index file open failed/i;
/** A branch that is not as it was expected to be is no lock. */
const OTHER = /but expected|already exists/i;

const SETTINGS = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.untrackedCache=false',
  'core.attributesFile=/dev/null',
  'core.protectHFS=true',
  'core.protectNTFS=true',
  'core.quotePath=false',
  'credential.helper=',
  'commit.gpgSign=false',
  'diff.external=',
  'gc.auto=0',
  'maintenance.auto=false',
  'submodule.recurse=false',
  'transfer.fsckObjects=true',
  'fetch.fsckObjects=true',
  'worktree.guessRemote=false',
];

export class Git {
  #drivers: Promise<string[]> | undefined;

  /** @param folder where it is run; @param env for every run, such as the repository's place */
  constructor(
    readonly folder: string,
    private readonly env: Record<string, string> = {},
  ) {}

  /** The same repository with more said of its place. */
  with(env: Record<string, string>): Git {
    const git = new Git(this.folder, { ...this.env, ...env });
    git.#drivers = this.#drivers;
    return git;
  }

  /** Throws REQUIREMENTS_MISSING where there is no git, CONFLICT for a lock that stays, and INTERNAL_ERROR. */
  async run(args: readonly string[], options: GitRun = {}): Promise<GitAnswer> {
    this.#drivers ??= this.#withoutDrivers();
    const drivers = await this.#drivers;
    for (let tried = 1; ; tried++) {
      const { answer, error } = await this.#once([...drivers, ...args], options);
      if (answer) return answer;
      const isLocked = LOCKED.test(error) && !OTHER.test(error);
      // It may be the reason: nothing under a lease that was lost is started, or goes on.
      await options.lease?.check();
      if (!isLocked || tried === TRIES) throw failed(args, error, isLocked);
      await pause(Math.min(250, 10 * tried) * (0.5 + Math.random()));
    }
  }

  /** All of the output, without the end of its last line. */
  async text(args: readonly string[], options: GitRun = {}): Promise<string> {
    return (await this.run(args, options)).text.replace(/\n$/, '');
  }

  /** Parts of an output that was asked for with `-z`. */
  async parts(args: readonly string[], options: GitRun = {}): Promise<string[]> {
    return (await this.run(args, options)).text.split('\0').filter((part) => part !== '');
  }

  /** Invariant 1: names of drivers are the repository's, so they have to be asked for. */
  async #withoutDrivers(): Promise<string[]> {
    const { answer, error } = await this.#once(
      ['config', '-z', '--name-only', '--get-regexp', '^(filter|merge|diff)\\..*\\.'],
      { codes: [1, 128] },
    );
    if (!answer) throw failed(['config'], error, false);
    // No repository here: what was asked for says so.
    if (answer.code === 128) return [];
    const settings = new Set<string>();
    for (const name of answer.text.split('\0')) {
      const match = /^(filter|merge|diff)\.(.+)\.[^.]+$/s.exec(name);
      if (!match) continue;
      const [, kind, driver] = match;
      // A name with an equals sign cannot be set on a command line.
      if (driver!.includes('='))
        throw new PegasusError(
          'VALIDATION_ERROR',
          `folder: its git configuration has a ${kind} named with "=".`,
        );
      if (kind === 'filter')
        for (const what of ['clean', 'smudge', 'process']) settings.add(`filter.${driver}.${what}=`);
      if (kind === 'filter') settings.add(`filter.${driver}.required=false`);
      if (kind === 'merge') settings.add(`merge.${driver}.driver=false`);
      if (kind === 'diff') settings.add(`diff.${driver}.command=`).add(`diff.${driver}.textconv=`);
    }
    return [...settings].flatMap((setting) => ['-c', setting]);
  }

  async #once(
    args: readonly string[],
    { env = {}, cwd = this.folder, input, codes = [], mostBytes = MOST_BYTES, mayCut = false, lease }: GitRun,
  ): Promise<{ answer?: GitAnswer; error: string }> {
    const { pid, start } = await thisProcess();
    const whole = ['--no-pager', ...SETTINGS.flatMap((setting) => ['-c', setting]), ...args];
    const command = lease?.command('git', whole) ?? { file: 'git', args: whole, env: {} };
    return new Promise((resolve, reject) => {
      const child = execFile(
        command.file,
        command.args,
        {
          cwd,
          env: { ...environment(), ...this.env, ...env, ...command.env, [GIT_MARK]: `${pid}.${start}` },
          encoding: 'buffer',
          maxBuffer: mostBytes,
          timeout: TIMEOUT_MS,
          killSignal: 'SIGKILL',
        },
        (error, stdout, stderr) => {
          const isCut = error?.code === ('ERR_CHILD_PROCESS_STDIO_MAXBUFFER' as unknown);
          const code = typeof error?.code === 'number' ? error.code : error && !(isCut && mayCut) ? -1 : 0;
          if (error && error.code === ('ENOENT' as unknown)) reject(noGit(error));
          else if (code === 0 || codes.includes(code))
            resolve({ answer: { code, bytes: stdout, text: stdout.toString('utf8'), isCut }, error: '' });
          else if (isCut) resolve({ error: `it answered with more than ${mostBytes} bytes` });
          else if (error?.killed) resolve({ error: `it took longer than ${TIMEOUT_MS} ms` });
          else resolve({ error: stderr.toString('utf8') });
        },
      );
      // A git that has ended before it has read everything says so by how it has ended.
      child.stdin!.on('error', () => undefined);
      child.stdin!.end(input);
    });
  }
}

/** What git is told of this process's environment, and no more. */
function environment(): Record<string, string> {
  const { PATH = '/usr/local/bin:/usr/bin:/bin', TMPDIR } = process.env;
  const who = { NAME: 'Pegasus agent', EMAIL: 'agent@pegasus.invalid' };
  return {
    PATH,
    ...(TMPDIR === undefined ? {} : { TMPDIR }),
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: 'false',
    SSH_ASKPASS: 'false',
    GIT_SSH_COMMAND: 'false',
    GIT_EDITOR: 'false',
    GIT_SEQUENCE_EDITOR: 'false',
    GIT_PAGER: 'cat',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_ALLOW_PROTOCOL: 'file',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_AUTHOR_NAME: who.NAME,
    GIT_AUTHOR_EMAIL: who.EMAIL,
    GIT_COMMITTER_NAME: who.NAME,
    GIT_COMMITTER_EMAIL: who.EMAIL,
  };
}

function failed(args: readonly string[], error: string, isLocked: boolean): PegasusError {
  const line = printableLine(error.slice(-2_000)) || 'it said nothing';
  return new PegasusError(
    isLocked ? 'CONFLICT' : 'INTERNAL_ERROR',
    `git ${args.find((one) => /^[a-z]/.test(one)) ?? ''} failed: ${line}`,
    isLocked ? { hint: 'Another git works on the repository; try again once it has ended.' } : {},
  );
}

function noGit(cause: Error): PegasusError {
  return new PegasusError(
    'REQUIREMENTS_MISSING',
    'git: there is no such program; install git 2.38 or newer.',
    {
      cause,
    },
  );
}

export interface Repository {
  git: Git;
  /** Absolute and real: the work tree's top. */
  root: string;
  /** What all its work trees share: objects, branches, the list of work trees. */
  common: string;
  /** The commit of HEAD. */
  head: string;
}

/** Since when merges can be tried without a work tree. */
const OLDEST = [2, 38] as const;

let checkedVersion: Promise<void> | undefined;

async function checkVersion(git: Git): Promise<void> {
  const [, major = '0', minor = '0'] = /(\d+)\.(\d+)/.exec(await git.text(['version'])) ?? [];
  if (Number(major) > OLDEST[0] || (Number(major) === OLDEST[0] && Number(minor) >= OLDEST[1])) return;
  throw new PegasusError(
    'REQUIREMENTS_MISSING',
    `git: this is ${major}.${minor}; install git ${OLDEST.join('.')} or newer.`,
  );
}

/** Throws VALIDATION_ERROR for a folder that is not the top of a repository with a commit and a work tree. */
export async function openRepository(root: string): Promise<Repository> {
  const git = new Git(root);
  await (checkedVersion ??= checkVersion(git));
  const refuse = (why: string): PegasusError => new PegasusError('VALIDATION_ERROR', `folder: ${why}`);
  const asked = ['rev-parse', '--path-format=absolute', '--is-bare-repository', '--git-common-dir'];
  const found = await git.run(asked, { codes: [128] });
  if (found.code === 128)
    throw refuse('is no git repository that can be used; run "git init" there, and commit.');
  const [isBare, common] = found.text.split('\n');
  if (isBare === 'true') throw refuse('is a bare repository, which has no files; name a clone of it.');
  const top = await git.text(['rev-parse', '--show-toplevel']);
  if (top !== root) throw refuse(`is within the repository of another folder; name ${JSON.stringify(top)}.`);
  const head = await commitOf(git, 'HEAD');
  if (head === undefined) throw refuse('is a repository without a commit; commit something first.');
  if ((await git.run(['ls-files', '-z', '--', '.pugi'])).bytes.length > 0)
    throw refuse('has files of .pugi in its repository; remove them with "git rm -r --cached .pugi".');
  return { git, root, common: common!, head };
}

/** `undefined` for what names no commit. */
export async function commitOf(git: Git, ref: string): Promise<string | undefined> {
  const asked = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`];
  const { code, text } = await git.run(asked, { codes: [1, 128] });
  return code === 0 ? text.trim() : undefined;
}

export const treeOf = (git: Git, commit: string): Promise<string> =>
  git.text(['rev-parse', `${commit}^{tree}`]);

/** One path that differs between two trees. Zeros where there is none. */
export interface Changed {
  path: string;
  oldMode: string;
  newMode: string;
  oldId: string;
  newId: string;
}

export async function changedBetween(git: Git, before: string, after: string): Promise<Changed[]> {
  const parts = await git.parts([
    'diff-tree',
    '-r',
    '-z',
    '--raw',
    '--no-renames',
    '--full-index',
    before,
    after,
  ]);
  const changed: Changed[] = [];
  for (let at = 0; at + 1 < parts.length; at += 2) {
    const [oldMode, newMode, oldId, newId] = parts[at]!.slice(1).split(' ');
    changed.push({
      path: parts[at + 1]!,
      oldMode: oldMode!,
      newMode: newMode!,
      oldId: oldId!,
      newId: newId!,
    });
  }
  return changed;
}

export const NO_FILE_MODE = '000000';
