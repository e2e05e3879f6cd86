import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { diagnose, type Finding } from './doctor.js';
import { freePort } from './process/ports.js';

let root: string;
let env: NodeJS.ProcessEnv;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'pegasus-doctor-'));
  env = { XDG_CACHE_HOME: root, XDG_DATA_HOME: root, PATH: join(root, 'bin') };
  await mkdir(join(root, 'bin'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function finding(name: string, port?: number): Promise<Finding | undefined> {
  const findings = await diagnose({ env, ...(port === undefined ? {} : { port }) });
  return findings.find((one) => one.name === name);
}

async function program(name: string, says: string): Promise<void> {
  await writeFile(join(root, 'bin', name), `#!/bin/sh\necho "${says}"\n`);
  await chmod(join(root, 'bin', name), 0o755);
}

it('looks at everything a start needs, and gives whatever is not in order one remedy', async () => {
  const findings = await diagnose({ env });
  expect(findings.map(({ name }) => name)).toEqual([
    'Node',
    'Temporal',
    'Go',
    'Java',
    'Data directory',
    'Free disk',
    'Port',
    'Sandbox',
  ]);
  for (const one of findings) expect(one.status === 'ok' || one.fix !== undefined).toBe(true);
});

it('says where Temporal is, or how it would be had', async () => {
  expect(await finding('Temporal')).toMatchObject({
    status: 'warn',
    detail: expect.stringContaining('cannot build it without Go'),
  });
  await program('go', 'go version go1.0');
  expect(await finding('Temporal')).toMatchObject({
    status: 'warn',
    detail: expect.stringContaining('or builds it with Go'),
    fix: 'go install github.com/temporalio/cli/cmd/temporal@v1.5.1',
  });
  await program('temporal', 'temporal version 1.5.1');
  expect(await finding('Temporal')).toEqual({
    name: 'Temporal',
    status: 'ok',
    detail: `temporal version 1.5.1 at ${join(root, 'bin', 'temporal')}`,
  });
});

it('says why a cluster that was named does not serve', async () => {
  env['TEMPORAL_ADDRESS'] = `127.0.0.1:${await freePort('127.0.0.1')}`;
  expect(await finding('Temporal')).toMatchObject({
    status: 'missing',
    detail: expect.stringContaining(
      `the cluster at ${env['TEMPORAL_ADDRESS']}, namespace default does not answer`,
    ),
  });
  env['TEMPORAL_ADDRESS'] = 'no port';
  expect(await finding('Temporal')).toMatchObject({
    status: 'missing',
    detail: expect.stringContaining('must be host:port'),
  });
});

it('warns of a taken port', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  expect(await finding('Port', port)).toMatchObject({ status: 'warn' });
  taken.close();
});
