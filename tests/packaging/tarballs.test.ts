import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inTurns } from '../support/in-turns.js';
import { packedPackages, type PackedPackages } from '../support/packed.js';
import { succeed } from '../support/process.js';
import { testTemporal } from '../support/temporal.js';

/**
 * What an author has: the packed packages, installed from files in an empty folder, and nothing of this repository.
 * Each Node runs the whole way: `dev`, `init`, `test`, `package`, `push`, `run`; among all other tests one of the two, in
 * turns, and both in `npm run test:nodes`.
 */
const MINUTES = 60_000;

let home: string;
let packed: PackedPackages;
let node22: string;

beforeAll(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'pegasus-node22-'));
  packed = await packedPackages();
  const binary = `node-${process.platform}-${process.arch}`;
  await packed.install(home, `${binary}@22`);
  node22 = path.join(home, 'node_modules', binary, 'bin', 'node');
}, 10 * MINUTES);

afterAll(async () => {
  await rm(home, { recursive: true, force: true });
});

/** The command as the given Node runs it from the installed packages. */
function author(node: string, work: string) {
  const bin = path.join(packed.dir, 'node_modules', '.bin', 'pegasus-workflows');
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    PATH: `${path.dirname(node)}${path.delimiter}${process.env['PATH'] ?? ''}`,
    PEGASUS_CREDENTIALS_FILE: path.join(work, 'credentials'),
    TEMPORAL_ADDRESS: testTemporal().address,
    TEMPORAL_NAMESPACE: testTemporal().namespace,
    NO_COLOR: '1',
  };
  return {
    run: (cwd: string, ...args: string[]) => succeed(node, [bin, ...args], { cwd, env }),
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

const NODES: [name: string, path: () => string][] = [
  ['this Node', () => process.execPath],
  ['Node 22', () => node22],
];

describe.each(inTurns(NODES, 'PEGASUS_ALL_NODES'))('the packed packages on %s', (_label, node) => {
  it(
    'go the whole way: init, test, package, push, run',
    async () => {
      const work = await mkdtemp(path.join(packed.dir, 'work-'));
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

        const other = path.join(work, 'other');
        await mkdir(other);
        await cli.run(other, 'init', 'orders', '--template', 'event');
        expect(await cli.run(other, 'test', 'orders', '--input', 'A-1')).toMatch(/COMPLETED/);
        await cli.run(other, 'package');
      } finally {
        dev.kill('SIGINT');
        await ended;
      }
      expect(dev.exitCode).toBe(0);
    },
    5 * MINUTES,
  );

  it('lint workflow code in an installation of its own', async () => {
    const script = path.join(packed.dir, 'lint.mjs');
    await writeFile(script, LINT);
    const reported = JSON.parse(await succeed(node(), [script], { cwd: packed.dir })) as unknown;
    expect(reported).toEqual(['pegasus-workflows/no-node-imports', 'pegasus-workflows/no-throw-plain-error']);
  }, 60_000);
});

const LINT = `
import { Linter } from 'eslint';
import pegasusWorkflows from 'eslint-plugin-pegasus-workflows';
const code = 'import fs from "fs"; export const f = () => { throw new Error(fs); };';
const problems = new Linter().verify(code, [pegasusWorkflows.configs.recommended], 'demo/workflow.js');
console.log(JSON.stringify(problems.map(({ ruleId }) => ruleId)));
`;
