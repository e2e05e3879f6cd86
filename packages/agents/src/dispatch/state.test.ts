import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openAccount } from '../budgets/ledger.js';
import { type Message } from '../engines/engine.js';
import { beginning, noteFiles, trim, waited, type DispatchState } from './state.js';

const NOW = 1_000;
const account = openAccount({ tokens: 1_000, dollars: 1, wallClockMs: 60_000 }, NOW);
const begun = (): DispatchState => beginning({ system: 's', prompt: 'p', tools: [], account }, NOW);

/** Turns with results of some length each; the last turn's is the newest message. */
function after(...lengths: number[]): DispatchState {
  const state = begun();
  for (const [at, length] of lengths.entries()) {
    const call = { id: `c${at}`, name: 'read', arguments: '{}' };
    state.messages.push({ role: 'assistant', content: 'reading', toolCalls: [call] });
    state.messages.push({ role: 'tool', toolCallId: call.id, content: 'x'.repeat(length) });
  }
  return state;
}
const results = ({ messages }: DispatchState): number[] =>
  messages.filter(({ role }) => role === 'tool').map(({ content }) => content.length);

describe('room for what comes next', () => {
  it('is made of the oldest results, once most of the context is full', () => {
    const state = after(4_000, 4_000, 4_000, 4_000);
    state.counted = { in: 760, out: 1 };
    trim(state, 1_000);
    const [first, second, ...recent] = results(state);
    expect(first).toBeLessThan(100);
    expect(second).toBeLessThan(100);
    expect(recent).toEqual([4_000, 4_000]);
    expect(state.generation).toBe(1);
  });

  it('is not made while there is enough of it', () => {
    const state = after(4_000, 4_000, 4_000);
    state.counted = { in: 600, out: 1 };
    trim(state, 1_000);
    expect([results(state), state.generation]).toEqual([[4_000, 4_000, 4_000], 0]);
  });

  it('leaves what was asked, what the model said and the newest two turns as they are', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5_000), { maxLength: 12 }), fc.nat(4_000), (lengths, full) => {
        const state = after(...lengths);
        const before = structuredClone(state.messages);
        state.counted = { in: full, out: 0 };
        trim(state, 2_000);
        const kept = (message: Message, at: number): boolean =>
          message.role !== 'tool' || at >= before.length - 4;
        expect(state.messages).toHaveLength(before.length);
        before.forEach((message, at) => {
          if (kept(message, at)) expect(state.messages[at]).toEqual(message);
          // Each call still has its result.
          else
            expect(state.messages[at]).toMatchObject({
              role: 'tool',
              toolCallId: (message as { toolCallId: string }).toolCallId,
            });
        });
        // Who keeps the messages hears of a change, and of nothing else.
        expect(state.generation > 0).toBe(JSON.stringify(state.messages) !== JSON.stringify(before));
      }),
    );
  });
});

it('time that a person takes moves the end on', () => {
  const state = begun();
  waited(state, 5_000);
  waited(state, 0);
  expect([state.waitedMs, state.account.caps.deadline]).toEqual([5_000, NOW + 65_000]);
});

it('a file whose last write was done has not failed', () => {
  const state = begun();
  noteFiles(state, { ok: false, writes: ['a'], filesChanged: [] });
  expect(state.failedWrites).toEqual(['a']);
  noteFiles(state, { ok: true, writes: ['a'], filesChanged: ['a'] });
  noteFiles(state, { ok: true, writes: ['a', 'b'], filesChanged: ['a', 'b'] });
  expect([state.failedWrites, state.filesChanged]).toEqual([[], ['a', 'b']]);
});

it('is plain JSON', () => {
  const state = after(10, 20);
  expect(JSON.parse(JSON.stringify(state))).toEqual({ ...state, counted: undefined });
});
