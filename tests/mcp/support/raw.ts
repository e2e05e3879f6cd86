import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { BIN } from './session.js';

export interface RawAnswer {
  jsonrpc: string;
  id: string | number | null;
  result?: unknown;
  error?: { code: number; message: string };
  method?: string;
}

/** The server without a client: bytes in, and every line that it writes, parsed. A line that is no message throws. */
export class RawServer implements AsyncDisposable {
  readonly answers: RawAnswer[] = [];
  log = '';
  readonly ended: Promise<{ code: number | null; signal: string | null }>;
  #arrived: (() => void)[] = [];
  #broken: Error | undefined;

  private constructor(
    readonly root: string,
    readonly child: ChildProcess,
  ) {
    this.ended = once(child, 'close').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as string | null,
    }));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.log += text));
    // A server that has ended does not read what is still on its way to it.
    child.stdin?.on('error', () => undefined);
    createInterface({ input: child.stdout!, crlfDelay: Infinity }).on('line', (line) => this.#take(line));
  }

  static async start(env: Record<string, string> = {}): Promise<RawServer> {
    const root = await mkdtemp(path.join(tmpdir(), 'pegasus-mcp-raw-'));
    const child = spawn(process.execPath, [BIN, 'mcp'], {
      cwd: root,
      env: { PATH: process.env['PATH'], ...env },
    });
    return new RawServer(root, child);
  }

  /** Sends bytes as they are, and waits until they are taken. */
  async write(bytes: string | Buffer): Promise<void> {
    if (!this.child.stdin!.write(bytes)) await once(this.child.stdin!, 'drain');
  }

  async send(message: unknown): Promise<void> {
    await this.write(`${JSON.stringify(message)}\n`);
  }

  /** The answer to a request, or the first one that `matching` takes. */
  async answer(matching: RawAnswer['id'] | ((answer: RawAnswer) => boolean)): Promise<RawAnswer> {
    const is =
      typeof matching === 'function' ? matching : (one: RawAnswer) => one.id === matching && !one.method;
    for (;;) {
      if (this.#broken) throw this.#broken;
      const found = this.answers.find(is);
      if (found) return found;
      await new Promise<void>((resolve) => this.#arrived.push(resolve));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
    await rm(this.root, { recursive: true, force: true });
  }

  #take(line: string): void {
    try {
      const message = JSON.parse(line) as RawAnswer;
      if (message.jsonrpc !== '2.0') throw new Error('no jsonrpc');
      this.answers.push(message);
    } catch (error) {
      this.#broken = new Error(`not a message on standard output: ${line.slice(0, 200)}`, { cause: error });
    }
    for (const resolve of this.#arrived.splice(0)) resolve();
  }
}

export const INITIALIZE = {
  jsonrpc: '2.0',
  id: 'init',
  method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
};
