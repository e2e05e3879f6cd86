import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { eventually } from '../../support/wait.js';

/**
 * Job: a terminal as a reader has it: one bash that is told command after command and keeps its folder and variables.
 * Boundary: what a command prints, on both streams in order, and how it ended; no terminal emulation.
 * Invariants:
 * 1. A command reads nothing from the shell's own input, so it can never swallow the command after it.
 * 2. `close` leaves no process behind: bash leads a process group, and the group is interrupted as by Ctrl-C.
 */
export class Shell {
  private readonly bash: ChildProcessWithoutNullStreams;
  private readonly ended: Promise<unknown>;
  private text = '';
  private from = 0;
  private busy = false;

  constructor(cwd: string, env: NodeJS.ProcessEnv) {
    this.bash = spawn('bash', ['--noprofile', '--norc'], { cwd, env, detached: true });
    this.bash.stdout.setEncoding('utf8').on('data', (chunk: string) => (this.text += chunk));
    this.ended = once(this.bash, 'close');
    this.bash.stdin.write('exec 2>&1\n');
  }

  /** What the latest command has printed so far. */
  get output(): string {
    return this.text.slice(this.from);
  }

  /** Types a command and returns at once. */
  start(command: string): void {
    this.from = this.text.length;
    this.busy = true;
    this.bash.stdin.write(`{ ${command}\n} </dev/null\n`);
  }

  /** Types a command and waits for its end. @returns its exit status */
  async run(command: string, timeoutMs: number): Promise<number> {
    const mark = randomUUID();
    this.start(command);
    this.bash.stdin.write(`printf '\\n%s %d\\n' ${mark} $?\n`);
    const status = await this.printed(new RegExp(`\\n${mark} (\\d+)\\n`), timeoutMs);
    this.text = this.text.replace(status[0], '');
    this.busy = false;
    return Number(status[1]);
  }

  /** Waits until the latest command has printed this; one that has ended prints nothing more. */
  printed(pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray> {
    return eventually(
      () => {
        const found = pattern.exec(this.output);
        if (found) return found;
        throw new Error(`this was printed, and not ${String(pattern)}:\n${this.output}`);
      },
      { timeoutMs: this.busy ? timeoutMs : 0 },
    );
  }

  /** Ctrl-C, and the end of the shell; resolves when everything in it has ended. */
  async close(): Promise<void> {
    this.bash.stdin.end();
    if (this.bash.exitCode === null && this.bash.pid !== undefined) process.kill(-this.bash.pid, 'SIGINT');
    await this.ended;
  }
}
