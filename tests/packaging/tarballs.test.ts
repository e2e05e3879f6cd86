import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testTemporal } from '../support/temporal.js';

/**
 * What an author has: the packed packages, installed from files in an empty folder, and nothing of this repository.
 * Each Node runs the whole way: `dev`, `init`, `test`, `package`, `push`, `run`.
 */
const ROOT = path.resolve(import.meta.dirname, '../..');
const MINUTES = 60_000;

interface Finished {
  status: number | null;
  stdout: string;
  stderr: string;
}

async function execute(
  command: string,
  args: string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<Finished> {
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, stdout, stderr };
}

async function succeed(
  command: string,
  args: string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const { status, stdout, stderr } = await execute(command, args, cwd, env);
  expect(status, `${command} ${args.join(' ')}\n${stdout}\n${stderr}`).toBe(0);
  return stdout;
}

let home: string;
let app: string;
let node22: string;

beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'pegasus-tarballs-'));
  app = path.join(home, 'app');
  const tarballs = path.join(home, 'tarballs');
  const tools = path.join(home, 'node22');
  await Promise.all([app, tarballs, tools].map((folder) => mkdir(folder)));
  await Promise.all(
    [app, tools].map((folder) => writeFile(path.join(folder, 'package.json'), '{"private":true}')),
  );

  const published = await publishedPackages();
  const pack = published.flatMap((name) => ['--workspace', name]);
  await succeed('npm', ['pack', '--silent', '--pack-destination', tarballs, ...pack], ROOT, process.env);
  const files = (await readdir(tarballs)).map((file) => path.join(tarballs, file));
  expect(files).toHaveLength(published.length);

  const install = ['install', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  await succeed('npm', [...install, ...files], app, process.env);
  await succeed('npm', [...install, `node-${process.platform}-${process.arch}@22`], tools, process.env);
  node22 = path.join(tools, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
}, 8 * MINUTES);

afterAll(async () => {
  await rm(home, { recursive: true, force: true });
});

async function publishedPackages(): Promise<string[]> {
  const folders = await readdir(path.join(ROOT, 'packages'));
  const manifests = await Promise.all(
    folders.map((folder) => readFile(path.join(ROOT, 'packages', folder, 'package.json'), 'utf8')),
  );
  return manifests
    .map((text) => JSON.parse(text) as { name: string; private?: boolean })
    .filter((manifest) => !manifest.private)
    .map((manifest) => manifest.name);
}

/** The command as the given Node runs it from the installed packages. */
function author(node: string, work: string) {
  const bin = path.join(app, 'node_modules', '.bin', 'pegasus-workflows');
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    PATH: `${path.dirname(node)}${path.delimiter}${process.env['PATH'] ?? ''}`,
    PEGASUS_CREDENTIALS_FILE: path.join(work, 'credentials'),
    TEMPORAL_ADDRESS: testTemporal().address,
    TEMPORAL_NAMESPACE: testTemporal().namespace,
    NO_COLOR: '1',
  };
  return {
    run: (cwd: string, ...args: string[]) => succeed(node, [bin, ...args], cwd, env),
    spawn: (cwd: string, ...args: string[]) =>
      spawn(node, [bin, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] }),
  };
}

async function readyUrl(dev: ChildProcess): Promise<string> {
  const tail: string[] = [];
  dev.stderr?.setEncoding('utf8').on('data', (chunk: string) => tail.push(chunk));
  for await (const line of createInterface({ input: dev.stdout! })) {
    const url = /^ready (http\S+)$/.exec(line)?.[1];
    if (url) return url;
  }
  throw new Error(`dev ended before it was ready:\n${tail.join('')}`);
}

describe.each([
  ['this Node', () => process.execPath],
  ['Node 22', () => node22],
])('the packed packages on %s', (_label, node) => {
  it(
    'go the whole way: init, test, package, push, run',
    async () => {
      const work = await mkdtemp(path.join(app, 'work-'));
      const cli = author(node(), work);
      const dev = cli.spawn(work, 'dev', '--port', '0', '--data-dir', path.join(work, 'data'), '--no-watch');
      const ended = once(dev, 'close');
      try {
        await readyUrl(dev);
        await cli.run(work, 'init', 'demo');
        expect(await cli.run(work, 'test', 'demo')).toMatch(/COMPLETED/);
        await cli.run(work, 'package');
        await cli.run(work, 'push', '--profile', 'local');
        const execution = JSON.parse(await cli.run(work, 'run', 'demo', '--wait', '--json')) as unknown;
        expect(execution).toMatchObject({ status: 'COMPLETED', triggerSource: 'USER', errorMessage: null });
      } finally {
        dev.kill('SIGINT');
        await ended;
      }
      expect(dev.exitCode).toBe(0);
    },
    5 * MINUTES,
  );
});
