import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/wait.js';
import { INITIALIZE, RawServer } from './support/raw.js';
import { BIN, Session } from './support/session.js';

const MINUTES = 60_000;
const LINUX = process.platform === 'linux';

describe('the process', () => {
  it('ends with 0 at the end of its input, calls before it answered, a last line without a line end too', async () => {
    await using server = await RawServer.start();
    await server.send(INITIALIZE);
    await server.send({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'list_profiles' } });
    server.child.stdin!.end('{"jsonrpc":"2.0","id":2,"method":"tools/list"}');
    expect(await server.ended).toEqual({ code: 0, signal: null });
    expect(server.answers.map(({ id }) => id).sort()).toEqual([1, 2, 'init']);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('ends with 0 at %s', async (signal) => {
    await using server = await RawServer.start();
    await server.send(INITIALIZE);
    await server.answer('init');
    server.child.kill(signal);
    expect(await server.ended).toEqual({ code: 0, signal: null });
  });

  it('works without a home, without credentials, in an environment of nothing but PATH', async () => {
    await using server = await RawServer.start();
    await server.send(INITIALIZE);
    expect((await server.answer('init')).result).toMatchObject({
      serverInfo: { name: 'pegasus-workflows' },
      capabilities: { tools: {}, resources: {} },
      instructions: expect.stringContaining('pegasus://guide/authoring'),
    });
  });

  it('loads neither compiler, bundler nor diagrams to list what it offers', async () => {
    await using server = await RawServer.start({ NODE_DEBUG: 'esm', NODE_DEBUG_NATIVE: '' });
    await server.send({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
    await server.send({ jsonrpc: '2.0', id: 2, method: 'resources/list' });
    await Promise.all([server.answer(1), server.answer(2)]);
    expect(server.log).toContain('/modelcontextprotocol/sdk/'.slice(1));
    expect(server.log).not.toMatch(
      /node_modules\/(?:esbuild|mermaid|jsdom|typescript|webpack|@temporalio)\//,
    );
  });
});

/** Processes of this machine whose command line holds the text. */
async function processesWith(text: string): Promise<number[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(ids.map((id) => readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '')));
  return ids.flatMap((id, index) => (lines[index]!.includes(text) ? [Number(id)] : []));
}

describe.runIf(LINUX)('a packaging that is under way', () => {
  /** A server of its own, started by a client that the test can kill. */
  async function startPackaging(session: Session, dir: string, through?: 'client'): Promise<RawishServer> {
    const args = through === 'client' ? ['-e', CLIENT, BIN] : [BIN, 'mcp'];
    const child = spawn(process.execPath, args, {
      cwd: session.root,
      env: { PATH: process.env['PATH'] },
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    const params = { name: 'package_project', arguments: { project_dir: dir } };
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })}\n`);
    await eventually(async () => expect(await processesWith(`${dir}/dist/.packaging-`)).not.toEqual([]), {
      timeoutMs: MINUTES,
    });
    return { child, closed };
  }

  it.each([
    ['SIGTERM to the server', undefined, 'SIGTERM'],
    ['SIGKILL of the server', undefined, 'SIGKILL'],
    ['SIGKILL of the client', 'client', 'SIGKILL'],
  ] as const)(
    'leaves no process and no half file after %s',
    async (_name, through, signal) => {
      await using session = await Session.open();
      const dir = await session.project('demo');
      const { child, closed } = await startPackaging(session, dir, through);
      child.kill(signal);
      await closed;
      await eventually(
        async () => {
          expect(await processesWith(dir)).toEqual([]);
          const left = await readdir(path.join(dir, 'dist')).catch(() => []);
          expect(left.filter((name) => !name.endsWith('.zip'))).toEqual([]);
        },
        { timeoutMs: 2 * MINUTES, intervalMs: 200 },
      );
    },
    5 * MINUTES,
  );
});

interface RawishServer {
  child: ReturnType<typeof spawn>;
  closed: Promise<void>;
}

/** A client that starts the server and passes on what it is told, until it is killed. */
const CLIENT = `
  const { spawn } = require('node:child_process');
  const server = spawn(process.execPath, [process.argv[1], 'mcp'], { stdio: ['pipe', 'pipe', 'ignore'] });
  process.stdin.pipe(server.stdin);
  server.stdout.resume();
`;
