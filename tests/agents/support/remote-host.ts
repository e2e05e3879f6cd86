import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Machine } from '../../fault/support/machine.js';

const MAIN = fileURLToPath(import.meta.resolve('@pegasus-workflows/runner/agents'));

/** An agent host beside the platform's own, as one on another machine is: a process with a file and settings of its own. */
export class RemoteHost {
  #process: ChildProcess | undefined;

  constructor(
    private readonly machine: Machine,
    private readonly file: string,
  ) {}

  /** @param failpoints of this one life */
  async start(failpoints = ''): Promise<void> {
    const child = fork(MAIN, {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: {
        PATH: process.env['PATH'],
        LOG_LEVEL: 'fatal',
        PEGASUS_AGENTS_FILE: this.file,
        PEGASUS_AGENTS_HEARTBEAT_MS: '1500',
        PEGASUS_FAILPOINTS: failpoints,
        ...(await this.machine.hostSettings()),
      },
    });
    this.#process = child;
    const ended = once(child, 'exit').then(() => 'exit');
    // One whose failpoint is in its start has ended by then.
    await Promise.race([once(child, 'message'), ended]);
  }

  /** Resolves when it has died, of a failpoint say. */
  async died(): Promise<void> {
    const child = this.#process!;
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }

  async kill(): Promise<void> {
    this.#process?.kill('SIGKILL');
    await this.died();
  }

  async stop(): Promise<void> {
    if (!this.#process) return;
    this.#process.kill('SIGTERM');
    await this.died();
  }
}
