import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { requireCommand } from './apt.js';
import { eventually } from './wait.js';

const exec = promisify(execFile);

export interface TmuxOptions {
  cwd: string;
  /** The whole environment of the shell; nothing of the test's own gets in. */
  env: NodeJS.ProcessEnv;
  columns?: number;
  rows?: number;
}

const PROMPT = 'you> ';

/** One terminal with a bash in it, on a tmux server of its own: keys go in, the screen comes out. */
export class Tmux implements AsyncDisposable {
  private constructor(
    private readonly tmux: string,
    private readonly socket: string,
  ) {}

  static async open({ cwd, env, columns = 100, rows = 40 }: TmuxOptions): Promise<Tmux> {
    const terminal = new Tmux(
      await requireCommand('tmux'),
      `pegasus-${process.pid}-${randomBytes(4).toString('hex')}`,
    );
    const variables = Object.entries({ ...env, TERM: 'screen-256color', PS1: PROMPT }).flatMap(
      ([name, value]) => (value === undefined ? [] : [`${name}=${value}`]),
    );
    const size = ['-x', String(columns), '-y', String(rows)];
    const shell = ['env', '-i', ...variables, 'bash', '--norc', '--noprofile'];
    await terminal.#call('-f', '/dev/null', 'new-session', '-d', ...size, '-c', cwd, ...shell);
    await terminal.#call('set-option', '-g', 'history-limit', '5000');
    await terminal.see(PROMPT.trim());
    return terminal;
  }

  /** Types text as it is, then presses keys by tmux's names for them (`Enter`, `C-c`). */
  async type(text: string, ...keys: string[]): Promise<void> {
    if (text !== '') await this.#call('send-keys', '-l', '--', text);
    if (keys.length > 0) await this.#call('send-keys', ...keys);
  }

  press(...keys: string[]): Promise<void> {
    return this.type('', ...keys);
  }

  /** A command line, on a screen that shows nothing else. */
  async run(line: string): Promise<void> {
    await this.press('C-l');
    // What it takes off the screen may go into the history, so that comes after it.
    await eventually(async () => {
      const screen = await this.screen();
      if (screen.trim() !== PROMPT.trim())
        throw new Error(`The screen was not cleared; it shows:\n${screen}`);
    });
    await this.#call('clear-history');
    await this.type(line, 'Enter');
  }

  /** What is on the screen; with `all`, also what has scrolled off since the last {@link run}. */
  async screen({ all = false } = {}): Promise<string> {
    const { stdout } = await this.#call('capture-pane', '-p', '-J', ...(all ? ['-S', '-'] : []));
    return stdout.trimEnd();
  }

  /** Waits until the screen shows something; fails with what it shows instead. @returns the screen */
  async see(what: string | RegExp, timeoutMs = 60_000): Promise<string> {
    return eventually(
      async () => {
        const screen = await this.screen({ all: true });
        if (typeof what === 'string' ? screen.includes(what) : what.test(screen)) return screen;
        throw new Error(`The screen never showed ${String(what)}; it shows:\n${screen}`);
      },
      { timeoutMs },
    );
  }

  /** The exit code of the command that has just ended. */
  async exitCode(timeoutMs = 60_000): Promise<number> {
    await this.type('echo ended=$?', 'Enter');
    const screen = await this.see(/^ended=\d+$/m, timeoutMs);
    return Number(/^ended=(\d+)$/m.exec(screen)?.[1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#call('kill-server').catch(() => undefined);
  }

  #call(...args: string[]): Promise<{ stdout: string }> {
    return exec(this.tmux, ['-L', this.socket, ...args]);
  }
}
