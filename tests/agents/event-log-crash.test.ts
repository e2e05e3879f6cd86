import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EventLog, readLog, verifyLog } from '@pegasus-workflows/agents';
import { afterEach, beforeEach, expect, it } from 'vitest';

/** The event log's writer killed: what it had said to be on disk is there, in a whole chain (invariants 1, 3 to 5). */
const APPENDER = fileURLToPath(new URL('./support/appender.mjs', import.meta.url));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pegasus-event-log-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Runs the appender until it is killed: by its failpoint, or after so many lines. Answers the last one it told of. */
async function appendUntilKilled(failpoints: string, lines = Infinity): Promise<number> {
  const child = spawn(process.execPath, [APPENDER, folder], {
    env: { ...process.env, PEGASUS_FAILPOINTS: failpoints },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let told = '';
  child.stdout.on('data', (data: Buffer) => {
    told += data.toString();
    if (told.split('\n').length > lines) child.kill('SIGKILL');
  });
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  expect(signal).toBe('SIGKILL');
  return Number(told.split('\n').slice(0, -1).at(-1) ?? 0);
}

/** The lock of one that was killed is forgotten after its time; here nobody else can be there. */
const forget = (): Promise<void> => rm(join(folder, 'writer.lock'), { recursive: true, force: true });

async function expectWhole(told: number): Promise<void> {
  await forget();
  const log = await EventLog.open(folder, { fullBytes: 2_000 });
  const { last } = log;
  await log.close();
  expect(last.seq).toBeGreaterThanOrEqual(told);
  expect(await verifyLog(folder, last)).toMatchObject({ ok: true, lines: last.seq });
  let seq = 0;
  for await (const line of readLog(folder)) expect(line.seq).toBe((seq += 1));
  expect(seq).toBe(last.seq);
}

it.each([
  'agents.log.written=kill@1',
  'agents.log.written=kill@7',
  'agents.log.synced=kill@1',
  'agents.log.synced=kill@9',
  'agents.log.put-aside=kill@1',
  'agents.log.put-aside=kill@3',
])('at %s', async (failpoint) => expectWhole(await appendUntilKilled(failpoint)));

it('at any moment, again and again on one log', async () => {
  let told = 0;
  for (const lines of [1, 3, 10, 2, 40, 25]) {
    const next = await appendUntilKilled('', lines);
    expect(next).toBeGreaterThan(told);
    told = next;
    await forget();
  }
  await expectWhole(told);
});
