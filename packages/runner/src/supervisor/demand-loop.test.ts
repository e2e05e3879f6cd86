import { setTimeout as delay } from 'node:timers/promises';
import { type Demand } from '@pegasus-workflows/contracts';
import { createLogger } from '@pegasus-workflows/kit';
import { expect, test, vi } from 'vitest';
import { DemandLoop } from './demand-loop.js';

process.env['LOG_LEVEL'] = 'silent';
const logger = createLogger('test');

test('hands on each demand, sends its cursor next, and outlives a server that is away (invariants 2 and 3)', async () => {
  const answers: (Demand | Error)[] = [
    { cursor: 'a', artifacts: [] },
    new Error('connection refused'),
    { cursor: 'b', artifacts: [] },
  ];
  const asked: (string | undefined)[] = [];
  const seen: string[] = [];
  const loop = new DemandLoop(
    async (cursor, _wait, signal) => {
      asked.push(cursor);
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      // Out of answers: a long poll that only stopping ends.
      return (
        answer ?? (await delay(60_000, undefined, { signal }).then(() => ({ cursor: 'late', artifacts: [] })))
      );
    },
    (demand) => seen.push(demand.cursor),
    logger,
  );
  loop.start();
  loop.start();
  await vi.waitFor(() => expect(asked).toHaveLength(4));
  await loop.stop();
  expect(asked).toEqual([undefined, 'a', 'a', 'b']);
  expect(seen).toEqual(['a', 'b']);
});
