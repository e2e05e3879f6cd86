import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { type ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testTemporalEnv } from '../support/temporal.js';
import { eventually } from '../support/wait.js';
import { Terminal } from './cli.js';

/** The author's way, with the real command against a real platform that `dev` runs. */
const MINUTES = 60_000;
let terminal: Terminal;
let dev: Dev;

interface Dev {
  child: ChildProcess;
  url: string;
  said(): string;
}

async function startDev(args: string[], cwd = '.'): Promise<Dev> {
  const child = terminal.spawn(
    ['dev', '--port', '0', '--data-dir', path.join(terminal.root, 'data'), ...args],
    { cwd },
  );
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  for await (const line of createInterface({ input: child.stdout! })) {
    const url = /^ready (http\S+)$/.exec(line)?.[1];
    if (url) return { child, url, said: () => stderr };
  }
  throw new Error(`dev ended before it was ready:\n${stderr}`);
}

async function stopDev({ child }: Dev): Promise<number | null> {
  const closed = once(child, 'close');
  child.kill('SIGINT');
  await closed;
  return child.exitCode;
}

/** A command that must succeed; its one JSON document. */
async function json<T = Record<string, unknown>>(args: string[], cwd = '.'): Promise<T> {
  const { code, stdout, stderr } = await terminal.run([...args, '--json'], { cwd });
  expect(code, stderr + stdout).toBe(0);
  return JSON.parse(stdout) as T;
}

beforeAll(async () => {
  terminal = await Terminal.open(testTemporalEnv());
  dev = await startDev(['--no-watch']);
}, 5 * MINUTES);

afterAll(async () => {
  if (dev.child.exitCode === null) await stopDev(dev);
  await terminal[Symbol.asyncDispose]();
}, MINUTES);

describe('the way of an author', () => {
  it('dev writes profile "local", private, and answers', async () => {
    const file = path.join(terminal.root, 'home/.pegasus/credentials');
    expect(await readFile(file, 'utf8')).toContain(`[local]\napi_key = "vnd_`);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    for (const probe of ['/health', '/ready']) expect((await fetch(dev.url + probe)).status).toBe(200);
  });

  it(
    'init, test, package, push, run',
    async () => {
      await json(['init', 'demo']);
      expect(await json(['test', 'demo'])).toMatchObject({
        status: 'COMPLETED',
        result: { greeting: 'Hello, test!' },
      });
      expect(await json(['package'])).toMatchObject([{ name: 'demo', version: '1.0.0' }]);
      expect(await json(['push', '--profile', 'local', '--env', 'here'], 'demo')).toMatchObject([
        { name: 'demo', version: '1.0.0', visibility: 'TENANT' },
      ]);
      const ledger = await readFile(path.join(terminal.root, 'demo/deployments.toml'), 'utf8');
      expect(ledger).toContain('[here]');
      expect(ledger).not.toContain('vnd_');
      expect(await json(['run', 'demo', '--wait', '--input', '{"name": "Ada"}'])).toMatchObject({
        status: 'COMPLETED',
        result: { greeting: 'Hello, Ada!' },
      });
    },
    4 * MINUTES,
  );

  it(
    'a second push of the version ends with 5 and says what to do',
    async () => {
      const { code, stdout } = await terminal.run(['push', '--json'], { cwd: 'demo' });
      expect(code).toBe(5);
      expect(JSON.parse(stdout)).toMatchObject([{ code: 'CONFLICT', data: { identical: true } }]);
    },
    MINUTES,
  );

  it(
    'executions list, show and watch tell the same run',
    async () => {
      const [newest] = await json<{ id: string }[]>(['executions', 'list', 'demo']);
      const shown = await json(['executions', 'show', 'demo', newest!.id]);
      expect(shown).toMatchObject({
        status: 'COMPLETED',
        timeline: expect.arrayContaining([
          expect.objectContaining({ label: 'composeGreeting', state: 'done' }),
        ]),
      });
      const { code, stdout } = await terminal.run(['executions', 'watch', 'demo']);
      expect(code).toBe(0);
      expect(stdout).toMatch(/✓ composeGreeting[^]*COMPLETED in/);
    },
    MINUTES,
  );

  it(
    'cancel and retry',
    async () => {
      const run = await json<{ id: string }>(['run', 'demo', '--input', '{"waitSeconds": 600}']);
      await json(['executions', 'cancel', 'demo', run.id]);
      const { code } = await terminal.run(['executions', 'watch', 'demo', run.id]);
      expect(code).toBe(1);
      const again = await json<{ id: string; status: string }>(['executions', 'retry', 'demo', run.id]);
      expect(again.id).not.toBe(run.id);
      await json(['executions', 'cancel', 'demo', again.id]);
    },
    MINUTES,
  );

  it(
    'names that are not there end with 4 and the nearest one',
    async () => {
      const { code, stderr } = await terminal.run(['run', 'demmo']);
      expect(code).toBe(4);
      expect(stderr).toContain('Did you mean demo?');
      expect(await json<unknown[]>(['workflows', 'list'])).toMatchObject([{ name: 'demo' }]);
    },
    MINUTES,
  );

  it(
    'Ctrl-C stops everything and ends with 0',
    async () => {
      expect(await stopDev(dev)).toBe(0);
      await expect(fetch(`${dev.url}/health`)).rejects.toThrow();
    },
    MINUTES,
  );

  it(
    'inside a project it publishes at the start and on change, and outlives a broken build',
    async () => {
      dev = await startDev([], 'demo');
      const said = (text: string) =>
        eventually(() => expect(dev.said()).toContain(text), { timeoutMs: 2 * MINUTES });
      await said('demo@1.0.0-dev.1');
      const file = path.join(terminal.root, 'demo/demo/activities.ts');
      const source = await readFile(file, 'utf8');
      await writeFile(file, `${source}}`);
      await said('✗ demo@1.0.0');
      await writeFile(file, source.replace('Hello', 'Welcome'));
      await said('demo@1.0.0-dev.2');
      await eventually(async () => {
        const run = await json(['run', 'demo@1.0.0-dev.2', '--wait', '--input', '{"name": "Ada"}']);
        expect(run).toMatchObject({ status: 'COMPLETED', result: { greeting: 'Welcome, Ada!' } });
      });
    },
    5 * MINUTES,
  );
});
