import { afterEach, beforeEach, expect, it } from 'vitest';
import { watchStore } from './store-watch.js';

/** The watch of the dev server's store: `store-watch.ts`, its invariants by number. */
const LOST = '14 UNAVAILABLE: GetNamespace operation failed. Error interrupted (9)';
const SILENT = '14 UNAVAILABLE: No connection established';

let answers: (string | undefined)[];
let told: string[];
let watch: { stop(): void };
beforeEach(() => {
  told = [];
});
afterEach(() => {
  watch.stop();
});

/** Asks as often as there are answers, and once more. */
async function answer(...given: (string | undefined)[]): Promise<void> {
  answers = given;
  let asked = 0;
  await new Promise<void>((resolve) => {
    watch = watchStore({
      probe: () => {
        if (asked === answers.length) resolve();
        return Promise.resolve(answers[asked++]);
      },
      onStuck: (failure) => Promise.resolve(void told.push(failure)),
      intervalMs: 1,
      strikes: 3,
    });
  });
}

it.each([
  ['three failures in a row', [LOST, LOST, LOST], 1],
  ['two', [LOST, LOST, undefined], 0],
  ['two, a good answer, two (invariant 2)', [LOST, LOST, undefined, LOST, LOST], 0],
  ['two, a silence, two (invariant 2)', [LOST, LOST, SILENT, LOST, LOST], 0],
  [
    'a store that is slow (invariant 1)',
    Array<string>(5).fill('14 UNAVAILABLE: GetNamespace operation failed. Error context deadline exceeded'),
    0,
  ],
  ['silence alone (invariant 1)', [SILENT, SILENT, SILENT, '4 DEADLINE_EXCEEDED: late'], 0],
  ['six failures', Array<string>(6).fill(LOST), 2],
  ['a namespace that is gone', Array<string>(3).fill('5 NOT_FOUND: Namespace default is not found.'), 1],
  ['a masked error', Array<string>(3).fill('2 UNKNOWN: something went wrong, please retry (1a6c3de8)'), 1],
] as const)('%s', async (_, given, times) => {
  await answer(...given);
  expect(told).toHaveLength(times);
});

it('tells nothing once it is stopped, whatever the question under way says (invariant 3)', async () => {
  let asked = 0;
  await new Promise<void>((resolve) => {
    watch = watchStore({
      probe: async () => {
        asked += 1;
        if (asked < 3) return LOST;
        watch.stop();
        setImmediate(resolve);
        return LOST;
      },
      onStuck: (failure) => Promise.resolve(void told.push(failure)),
      intervalMs: 1,
      strikes: 3,
    });
  });
  expect([asked, told]).toEqual([3, []]);
});
