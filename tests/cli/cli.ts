import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export const BIN = fileURLToPath(new URL('../../packages/cli/bin/pegasus-workflows.cjs', import.meta.url));

export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

export interface SpawnOptions {
  /** Below the folder of the terminal. */
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** A command that runs the command it is given, such as `setpriv` or `unshare`. */
  wrapper?: string[];
}

/** A folder and a home of their own, and the real command in them: nothing of this machine's settings gets in. */
export class Terminal implements AsyncDisposable {
  private constructor(
    readonly root: string,
    private readonly extra: NodeJS.ProcessEnv,
  ) {}

  static async open(env: NodeJS.ProcessEnv = {}): Promise<Terminal> {
    return new Terminal(await mkdtemp(path.join(tmpdir(), 'pegasus-cli-')), env);
  }

  get env(): NodeJS.ProcessEnv {
    const { PATH } = process.env;
    return { PATH, HOME: path.join(this.root, 'home'), COLUMNS: '100', ...this.extra };
  }

  /** Runs one command to its end. `cwd` is below the folder. */
  async run(args: string[], options: SpawnOptions & { input?: string } = {}): Promise<Finished> {
    const child = this.spawn(args, options);
    child.stdin?.end(options.input ?? '');
    const closed = new Promise<number>((resolve) => child.on('close', (code) => resolve(code ?? 1)));
    const [stdout, stderr, code] = await Promise.all([text(child.stdout!), text(child.stderr!), closed]);
    return { code, stdout, stderr };
  }

  /** The same in this process, which costs a tenth: nothing is started, and what is imported is imported once. */
  async runHere(args: string[], options: SpawnOptions & { input?: string } = {}): Promise<Finished> {
    const { runCommandLine } = await import('../../packages/cli/dist/main.js');
    const { cwd = '.', env = {}, input = '' } = options;
    let [stdout, stderr] = ['', ''];
    const code = await runCommandLine(args, {
      env: { ...this.env, ...env },
      cwd: path.join(this.root, cwd),
      stdin: Readable.from(input === '' ? [] : [Buffer.from(input)]),
      stdout: { write: (part: string) => ((stdout += part), true) },
      stderr: { write: (part: string) => ((stderr += part), true) },
    });
    return { code, stdout, stderr };
  }

  /** Starts a command that stays, such as `dev`. */
  spawn(args: string[], { cwd = '.', env = {}, wrapper = [] }: SpawnOptions = {}): ChildProcess {
    const [file = process.execPath, ...words] = [...wrapper, process.execPath, BIN, ...args];
    return spawn(file, words, {
      cwd: path.join(this.root, cwd),
      env: { ...this.env, ...env },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }
}
