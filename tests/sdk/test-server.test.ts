import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';
import { createTestHarness } from 'pegasus-workflows-sdk/testing';
import { describe, expect, it, vi } from 'vitest';
import { approval, monthLong } from './workflows/index.js';

const workflowsPath = fileURLToPath(new URL('./workflows/index.ts', import.meta.url));

describe('the test server of a process', () => {
  it('is shared while in use; a harness can have its own', async () => {
    await using first = await createTestHarness({ workflowsPath });
    await using second = await createTestHarness({ workflowsPath });
    await using own = await createTestHarness({ workflowsPath, isolated: true });
    expect(second.address).toBe(first.address);
    expect(own.address).not.toBe(first.address);
    await first.sleep('100 days');
    expect((await second.now()).getTime()).toBeGreaterThan(Date.now() + 99 * 86_400_000);
    expect((await own.now()).getTime()).toBeLessThan(Date.now() + 86_400_000);
  });

  it('is not shared on once a workflow was left open on it: later tests do not hang', async () => {
    await using staying = await createTestHarness({ workflowsPath });
    const leaving = await createTestHarness({ workflowsPath });
    await leaving.start(approval);
    await leaving.close();
    await using next = await createTestHarness({ workflowsPath });
    expect(next.address).not.toBe(staying.address);
    await next.run(monthLong);
  });

  it('ends when its process is killed', async () => {
    const script = fileURLToPath(new URL('./hold-server.mjs', import.meta.url));
    const holder = spawn(process.execPath, [script, workflowsPath], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(holder.stdout, 'data')) as [Buffer];
    const port = Number(line.toString().trim().split(':')[1]);
    expect(await accepts(port)).toBe(true);
    holder.kill('SIGKILL');
    await vi.waitFor(async () => expect(await accepts(port)).toBe(false), { timeout: 45_000, interval: 100 });
  });
});

describe('what is bundled', () => {
  it('is the modules of a project’s entry points', async () => {
    const projectDir = fileURLToPath(new URL('./project', import.meta.url));
    await using harness = await createTestHarness({ projectDir });
    expect(await harness.run('nap')).toBe('rested');
    expect(await harness.run('echo', 'again')).toBe('again');
  });

  it('is told apart by exactly one source', async () => {
    await expect(createTestHarness({})).rejects.toThrow('exactly one of workflowsPath');
    await expect(createTestHarness({ projectDir: workflowsPath })).rejects.toThrow('pegasus-workflows.toml');
  });

  it('holds nothing of zod or the contracts, and little beyond Temporal', async () => {
    const logger = { trace() {}, debug() {}, info() {}, warn() {}, error() {}, log() {} };
    const ours = await bundleWorkflowCode({ workflowsPath, logger });
    expect(ours.code).not.toMatch(/node_modules\/zod|packages\/contracts/);
    expect(ours.code.length).toBeLessThan(2_000_000);
  });
});

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
