import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CallPieces, toldApart, type CallPiece } from './ai-sdk-calls.js';
import { type Message } from './engine.js';

const piece = (index: number | null, id: string | null, name: string | null, text: string): CallPiece => ({
  index,
  id,
  function: { name, arguments: text },
});

describe('CallPieces', () => {
  it.each<[string, CallPiece[], [string, string, string][]]>([
    [
      'by index',
      [piece(0, 'a', 'read', ''), piece(0, null, null, '{"x"'), piece(0, null, null, ':1}')],
      [['a', 'read', '{"x":1}']],
    ],
    [
      'that come by turns',
      [
        piece(0, 'a', 'read', '{'),
        piece(1, 'b', 'grep', '['),
        piece(0, null, null, '}'),
        piece(1, null, null, ']'),
      ],
      [
        ['a', 'read', '{}'],
        ['b', 'grep', '[]'],
      ],
    ],
    [
      'without an index, each whole',
      [piece(null, 'a', 'read', '{}'), piece(null, 'b', 'read', '[]')],
      [
        ['a', 'read', '{}'],
        ['b', 'read', '[]'],
      ],
    ],
    [
      'without an index and an id',
      [piece(null, null, 'read', '{'), piece(null, null, null, '}'), piece(null, null, 'grep', '[]')],
      [
        ['', 'read', '{}'],
        ['', 'grep', '[]'],
      ],
    ],
    [
      'all of index 0',
      [piece(0, 'a', 'read', '{'), piece(0, null, null, '}'), piece(0, 'b', 'grep', '[]')],
      [
        ['a', 'read', '{}'],
        ['b', 'grep', '[]'],
      ],
    ],
    [
      'with the same id',
      [piece(0, 'a', 'read', '{}'), piece(1, 'a', 'grep', '[]')],
      [
        ['a', 'read', '{}'],
        ['a', 'grep', '[]'],
      ],
    ],
    [
      'with an id that comes later, and a name that does not come',
      [piece(0, null, null, '{'), piece(0, 'a', '', '}')],
      [['a', '', '{}']],
    ],
  ])('%s', (_, pieces, calls) => {
    const put = new CallPieces();
    for (const one of pieces) put.add(one);
    expect(put.calls.map((call) => [call.id, call.name, call.arguments])).toEqual(calls);
  });
});

describe('toldApart', () => {
  const turn = (...ids: string[]): Message => ({
    role: 'assistant',
    content: '',
    toolCalls: ids.map((id) => ({ id, name: 'read', arguments: '' })),
  });
  const idsOf = (given: string[], messages: Message[]): string[] =>
    toldApart(
      given.map((id) => ({ id, name: 'read', arguments: '' })),
      messages,
    ).map(({ id }) => id);

  it.each([
    [['a', 'b'], [], ['a', 'b']],
    [['', ' '], [], ['call_1_1', 'call_1_2']],
    [['a', 'a', 'a'], [], ['a', 'call_1_2', 'call_1_3']],
    [['a'], [turn('a')], ['call_2_1']],
    [['call_2_1', ''], [turn('call_2_2')], ['call_2_1', 'call_2_2_2']],
  ])('%j', (given, messages, ids) => expect(idsOf(given, messages)).toEqual(ids));

  it('whatever ids there are, and the same again for the same answer', () => {
    const id = fc.constantFrom('', 'a', 'call_1_1', 'call_2_1', 'call_2_2', 'call_2_1_2');
    const ids = fc.array(id, { maxLength: 6 });
    fc.assert(
      fc.property(ids, ids, (before, given) => {
        const told = idsOf(given, [turn(...before)]);
        expect(new Set([...before, ...told]).size).toBe(new Set(before).size + given.length);
        expect(idsOf(given, [turn(...before)])).toEqual(told);
      }),
    );
  });
});
