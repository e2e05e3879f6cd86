/**
 * Job: one time-skipping server for all harnesses of this process.
 *
 * Boundary: starts, shares and stops the server; where it comes from, `provision.ts` knows; that it never outlives
 * this process, `guard.ts` sees to.
 *
 * Invariants
 * 1. New users of a process share one server; it stops when its last user has released it.
 * 2. A failed start is not remembered: the next user tries again.
 * 3. Neither the server nor its pipes keep this process from ending.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { createServer, connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { provisionTestServer, type ProvisionOptions, type TestServerSource } from './provision.js';

export interface TestServer {
  /** `host:port` of its gRPC endpoint. */
  address: string;
  /** Milliseconds from the start of its process until it accepted connections; 0 for one that was running. */
  startMs: number;
  /** Idempotent. Not `reusable`: its present users keep it, new ones get another. */
  release(options?: { reusable?: boolean }): Promise<void>;
}

interface Running {
  address: string;
  startMs: number;
  stop(): Promise<void>;
}

const START_MS = 60_000;
const STARTS = 3;
let shared: { users: number; running: Promise<Running> } | undefined;

/** The process's shared server, started on first use. Release it when done. */
export async function acquireTestServer(options: ProvisionOptions = {}): Promise<TestServer> {
  const entry = (shared ??= { users: 0, running: start(options) });
  entry.users++;
  const leave = async (reusable: boolean) => {
    entry.users--;
    if (shared === entry && (entry.users === 0 || !reusable)) shared = undefined;
    if (entry.users > 0) return;
    await (await entry.running).stop();
  };
  try {
    const { address, startMs } = await entry.running;
    return { address, startMs, release: once(leave) };
  } catch (error) {
    if (shared === entry) shared = undefined;
    throw error;
  }
}

/** A server of its own, for a test whose clock no other may move. */
export async function startTestServer(options: ProvisionOptions = {}): Promise<TestServer> {
  const { address, startMs, stop } = await start(options);
  return { address, startMs, release: once(stop) };
}

async function start(options: ProvisionOptions): Promise<Running> {
  const source = await provisionTestServer(options);
  if (source.kind === 'running') return { address: source.address, startMs: 0, stop: async () => undefined };
  // Between finding a free port and binding it, another process may take it.
  for (let attempt = 1; ; attempt++) {
    try {
      return await launch(source, await freePort());
    } catch (error) {
      if (attempt === STARTS) throw error;
    }
  }
}

async function launch(source: TestServerSource & { kind: 'command' }, port: number): Promise<Running> {
  const began = performance.now();
  const spec = JSON.stringify({ ...source, args: [...source.args, String(port)] });
  const guardPath = fileURLToPath(new URL('./guard.js', import.meta.url));
  const guard = fork(guardPath, [spec], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [] });
  let said = '';
  guard.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2_000)));
  const exited = new Promise<void>((resolve) => guard.once('exit', () => resolve()));
  guard.unref();
  guard.channel?.unref();
  if (guard.stderr && 'unref' in guard.stderr && typeof guard.stderr.unref === 'function')
    guard.stderr.unref();
  const stop = async () => {
    if (guard.connected) guard.disconnect();
    // The server may take a moment to write its class archive; the guard waits for that, the tests need not.
    if (!source.archive) await settled(guard, exited);
  };
  const deadline = Date.now() + START_MS;
  while (!(await accepts(port))) {
    if (guard.exitCode !== null)
      throw new Error(
        `Temporal's test server did not start (exit code ${guard.exitCode}): ${said.trim() || 'it said nothing'}`,
      );
    if (Date.now() > deadline) {
      await stop();
      throw new Error(`Temporal's test server did not answer within ${START_MS / 1000} s. ${said.trim()}`);
    }
    await wait(10);
  }
  return { address: `127.0.0.1:${port}`, startMs: Math.round(performance.now() - began), stop };
}

async function settled(guard: ChildProcess, exited: Promise<void>): Promise<void> {
  guard.ref();
  if (guard.exitCode === null && guard.signalCode === null) await exited;
}

function once(action: (reusable: boolean) => Promise<void>): TestServer['release'] {
  let result: Promise<void> | undefined;
  return ({ reusable = true } = {}) => (result ??= action(reusable));
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const answer = (value: boolean) => {
      socket.destroy();
      resolve(value);
    };
    socket.once('connect', () => answer(true));
    socket.once('error', () => answer(false));
  });
}
