import { createLogger } from '@pegasus-workflows/kit';
import { type RunnerLogBatch, type RunnerLogEntry } from '@pegasus-workflows/contracts';
import { expect, test } from 'vitest';
import { ServerResponseError } from '../server-client.js';
import { LogShipper } from './shipper.js';

/** Cites the invariants of `shipper.ts`; the server is a function that answers as it is told. */
const TENANT = '6f1c0a52-4a0e-4d6b-9a53-0d7f3c1b2a49';
const entry = (message: string): RunnerLogEntry => ({ at: 1, level: 'info', source: 'process', message });

test('1: a batch that was not answered is sent again as it was, before the next one', async () => {
  const tried: RunnerLogBatch[] = [];
  const shipper = new LogShipper(async (batch) => {
    tried.push(batch);
    if (tried.length <= 2) throw new ServerResponseError('logs', 503);
  }, createLogger('test'));
  shipper.push(TENANT, entry('one'));
  await expect.poll(() => tried.length).toBe(1);
  shipper.push(TENANT, entry('two'));
  await expect.poll(() => tried.length, { timeout: 5_000 }).toBe(4);
  await shipper.close();
  expect(tried.map(({ sequence, entries }) => [sequence, entries[0]!.message])).toEqual([
    [1, 'one'],
    [1, 'one'],
    [1, 'one'],
    [2, 'two'],
  ]);
});

test('2: what finds no room is dropped, and its log says how much that was', async () => {
  const stored: string[] = [];
  let isAway = true;
  const shipper = new LogShipper(async ({ entries }) => {
    if (isAway) throw new TypeError('fetch failed');
    stored.push(...entries.map(({ message }) => message));
  }, createLogger('test'));
  for (let n = 0; n < 12_000; n++) shipper.push(TENANT, entry(`n${n}`));
  isAway = false;
  await expect
    .poll(() => stored.some((message) => message.startsWith('2000 log entries were dropped')), {
      timeout: 60_000,
    })
    .toBe(true);
  await shipper.close();
  expect(stored.filter((message) => message.startsWith('n'))).toHaveLength(10_000);
}, 60_000);

test('3, 4: a refused batch is given up, holds nobody else up, and nothing is sent after the end', async () => {
  const stored: string[] = [];
  const other = TENANT.replace('6f', '7f');
  const shipper = new LogShipper(async ({ tenantId, entries }) => {
    if (tenantId === TENANT) throw new ServerResponseError('logs', 400);
    stored.push(...entries.map(({ message }) => message));
  }, createLogger('test'));
  shipper.push(TENANT, entry('refused'));
  shipper.push(other, entry('taken'));
  await shipper.close();
  shipper.push(other, entry('too late'));
  expect(stored).toEqual(['taken']);
});
