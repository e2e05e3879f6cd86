import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WriterLease } from '../../packages/agents/src/isolation/lease.js';
import { statOf } from '../../packages/agents/src/isolation/processes.js';
import { eventually } from '../support/wait.js';

/** The writer's lease, with processes of their own: `lease.ts`, its invariants by number. */
const WRITER = fileURLToPath(new URL('./support/isolation-writer.mjs', import.meta.url));
const LENGTH_MS = 300;

const until = (condition: () => boolean | Promise<boolean>): Promise<void> =>
  eventually(async () => expect(await condition()).toBe(true), { intervalMs: 5 });

interface Told {
  event: string;
  [more: string]: unknown;
}

class Writer {
  readonly told: Told[] = [];
  readonly #process: ChildProcess;
  #closed = false;

  constructor(holder: string, lengthMs = LENGTH_MS, env: Record<string, string> = {}) {
    this.#process = spawn(process.execPath, [WRITER, root, holder, String(lengthMs)], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    createInterface({ input: this.#process.stdout! }).on('line', (line) =>
      this.told.push(JSON.parse(line) as Told),
    );
    this.#process.stdin!.on('error', () => undefined);
    this.#process.once('close', () => (this.#closed = true));
    writers.push(this);
  }

  say(action: string, ...rest: unknown[]): void {
    this.#process.stdin!.write(`${JSON.stringify([action, ...rest])}\n`);
  }
  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }
  async heard(event: string, nth = 1): Promise<Told> {
    await until(() => this.told.filter((one) => one.event === event).length >= nth || this.#closed);
    const found = this.told.filter((one) => one.event === event)[nth - 1];
    if (!found) throw new Error(`never told of ${event}: ${JSON.stringify(this.told)}`);
    return found;
  }
  /** The kernel has stopped it. */
  async stopped(): Promise<void> {
    await until(async () => / T /.test(await readFile(`/proc/${this.#process.pid}/stat`, 'latin1')));
  }
  async gone(): Promise<void> {
    if (!this.#closed) await once(this.#process, 'close');
  }
}

let root: string;
let writers: Writer[];
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'pegasus-lease-')));
  writers = [];
});
afterEach(async () => {
  for (const writer of writers) {
    writer.kill('SIGKILL');
    await writer.gone();
  }
  await rm(root, { recursive: true, force: true });
});
const files = async (): Promise<string[]> => (await readdir(root)).filter((name) => name !== '.pugi');
const text = (name: string): Promise<string> => readFile(join(root, name), 'utf8');
const take = (more: object = {}): Promise<WriterLease> =>
  WriterLease.take({ folder: join(root, '.pugi/lease'), holder: 'test', lengthMs: LENGTH_MS, ...more });

describe('two writers', () => {
  it('are never both (invariant 1)', async () => {
    const both = [new Writer('a'), new Writer('b'), new Writer('c')];
    for (const writer of both) {
      writer.say('pairs', 25);
      writer.say('end');
    }
    for (const writer of both) await writer.heard('released');
    const told = both.flatMap((writer) => writer.told);
    expect(told.filter(({ event }) => event === 'mixed')).toEqual([]);
    const tokens = told.filter(({ event }) => event === 'held').map(({ token }) => token);
    expect(new Set(tokens).size).toBe(3);
    expect(await text('one')).toBe(await text('two'));
  });

  it('the second is told who has it, waits no longer than it may, and not when it is cancelled', async () => {
    const first = new Writer('a');
    await first.heard('held');
    const seen: unknown[] = [];
    await expect(take({ waitMs: 50, onWait: (holder: unknown) => seen.push(holder) })).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringMatching(/lease: a has written/),
    });
    expect(seen).toEqual([{ holder: 'a', token: 1 }]);
    const controller = new AbortController();
    const waiting = take({ signal: controller.signal, onWait: () => controller.abort(new Error('enough')) });
    await expect(waiting).rejects.toThrow('enough');
  });

  it('a holder that renews it keeps it for longer than its length (invariant 2)', async () => {
    // Long enough for a busy machine to renew it in time.
    const first = new Writer('a', 600);
    await first.heard('held');
    await expect(take({ lengthMs: 600, waitMs: 2_000 })).rejects.toMatchObject({ code: 'CONFLICT' });
    first.say('write', 'x', 'still mine');
    await first.heard('done');
    expect(await text('x')).toBe('still mine');
  });
});

describe('a holder that was stopped for longer than its lease (invariant 3)', () => {
  it.each([
    ['before it writes', ['write', 'x', 'late', 'before']],
    ['between staging and renaming', ['write', 'x', 'late', 'staged']],
    ['before it makes a folder', ['write', 'new/deep/x', 'late', 'before']],
    ['before it starts a program', ['program', 'echo late > x', 'before']],
  ])('%s: nothing of it lands', async (_, action) => {
    const old = new Writer('old');
    await old.heard('held');
    old.say(...(action as [string]));
    await old.heard('stopping');
    await old.stopped();
    const next = new Writer('next');
    await next.heard('held');
    next.say('write', 'y', 'next');
    await next.heard('done');
    old.kill('SIGCONT');
    if (action[0] === 'program') expect(await old.heard('ended')).toMatchObject({ code: 75 });
    else expect(await old.heard('refused')).toMatchObject({ code: 'LEASE_LOST' });
    old.say('end');
    await old.heard('released');
    expect(await files()).toEqual(['y']);
    // Letting go of what it had lost has taken nothing from its successor (invariant 5).
    next.say('write', 'z', 'next');
    await next.heard('done', 2);
  });

  it('at any moment of many writes: the last one that lands is before the takeover', async () => {
    for (let round = 0; round < 4; round++) {
      const old = new Writer('old', 120);
      await old.heard('held');
      old.say('pairs', 10_000);
      await until(async () => (await files()).includes('one'));
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
      old.kill('SIGSTOP');
      await old.stopped();
      const lease = await take({ lengthMs: 120 });
      await writeFile(join(root, 'one'), 'next');
      await writeFile(join(root, 'two'), 'next');
      old.kill('SIGCONT');
      expect(await old.heard('refused')).toMatchObject({ code: 'LEASE_LOST' });
      expect([await text('one'), await text('two')]).toEqual(['next', 'next']);
      await lease.release();
      old.kill('SIGKILL');
      await old.gone();
    }
  });

  it('its programs are dead before the next holder has the lease, also those that left their group (invariant 4)', async () => {
    const old = new Writer('old');
    await old.heard('held');
    old.say(
      'background',
      'setsid sh -c "echo $$ > away; while :; do echo x >> grows; sleep 0.01; done" & while :; do echo x >> grows; sleep 0.01; done',
    );
    await until(async () => (await files()).includes('grows') && (await files()).includes('away'));
    old.kill('SIGSTOP');
    await old.stopped();
    const lease = await take();
    const size = (await text('grows')).length;
    await lease.run('sh', ['-c', 'sleep 0.2'], { cwd: root });
    expect((await text('grows')).length).toBe(size);
    await lease.release();
  });
});

describe('a holder that was killed', () => {
  it.each(['old', 'another'])('loses it at once, to %s', async (holder) => {
    const old = new Writer('old', 60_000);
    await old.heard('held');
    old.say('background', 'sleep 60');
    const { pid } = await old.heard('started');
    await until(async () => (await readdir(join(root, '.pugi/lease/lease-000001/programs'))).length === 1);
    old.kill('SIGKILL');
    await old.gone();
    const lease = await take({ holder, lengthMs: 60_000, waitMs: 5_000 });
    expect(lease.token).toBe(2);
    // Nobody may have asked yet how it has ended.
    expect((await statOf(pid as number))?.isDead ?? true).toBe(true);
    await lease.release();
  });

  it.each(['agents.lease.claimed=kill', 'agents.lease.revoked=kill'])('at %s', async (failpoints) => {
    const old = new Writer('old');
    await old.heard('held');
    old.kill('SIGKILL');
    await old.gone();
    const dead = new Writer('dead', LENGTH_MS, { PEGASUS_FAILPOINTS: failpoints });
    await dead.gone();
    expect(dead.told).toEqual([]);
    const lease = await take({ waitMs: 5_000 });
    expect(lease.token).toBeGreaterThanOrEqual(2);
    await lease.release();
  });
});

it('a program that is left behind ends with the lease', async () => {
  const lease = await take();
  const child = lease.spawn('sh', ['-c', 'sleep 60'], { stdio: 'ignore' });
  const closed = once(child, 'close');
  await until(async () => (await readdir(join(root, '.pugi/lease/lease-000001/programs'))).length === 1);
  await lease.release();
  expect(await closed).toEqual([null, 'SIGKILL']);
});

it('a number that was given to another process is spared, and old folders go', async () => {
  const bystander = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
  const first = await take();
  await writeFile(join(root, `.pugi/lease/lease-000001/programs/${bystander.pid}.1`), '');
  await first.release();
  for (let n = 0; n < 12; n++) await (await take()).release();
  expect(bystander.exitCode).toBeNull();
  expect(() => process.kill(bystander.pid!, 0)).not.toThrow();
  bystander.kill('SIGKILL');
  expect((await readdir(join(root, '.pugi/lease'))).length).toBeLessThanOrEqual(9);
});

it('programs of another host keep everybody out (invariant 4)', async () => {
  const lease = join(root, '.pugi/lease/lease-000004');
  await mkdir(join(lease, 'programs'), { recursive: true });
  await mkdir(join(lease, 'stage'));
  const process = { host: 'elsewhere', boot: 'b', namespace: 'n', pid: 7, start: '1' };
  await writeFile(
    join(lease, 'holder.json'),
    JSON.stringify({ holder: 'far', process, counter: 3, lengthMs: 100 }),
  );
  await writeFile(join(lease, 'programs/9.1'), '');
  await expect(take({ lengthMs: 100 })).rejects.toMatchObject({ code: 'CONFLICT' });
  await rm(join(root, '.pugi/lease/revoked-000004/programs'), { recursive: true });
  expect((await take()).token).toBe(6);
});
