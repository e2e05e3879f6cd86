import { type HistoryEvent } from '@pegasus-workflows/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withNotes } from './notes.js';

const at = (id: string, second: number): HistoryEvent => ({
  id,
  type: id.startsWith('note-') ? 'PegasusCallRefused' : 'TimerFired',
  timestamp: new Date(second * 1_000).toISOString(),
});

describe('withNotes', () => {
  it('stands a note between the events around it', () => {
    const merged = withNotes([at('1', 1), at('2', 5)], [at('note-1', 3), at('note-2', 9)]);
    expect(merged.map(({ id }) => id)).toEqual(['1', 'note-1', '2', 'note-2']);
  });

  it('keeps the start first, also by a clock that is behind', () => {
    expect(withNotes([at('1', 5), at('2', 6)], [at('note-1', 0)]).map(({ id }) => id)).toEqual([
      '1',
      'note-1',
      '2',
    ]);
  });

  it('loses nothing and reorders neither events nor notes', () => {
    const seconds = fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 12 });
    fc.assert(
      fc.property(seconds, seconds, (ofEvents, ofNotes) => {
        const events = ofEvents.map((second, index) => at(String(index), second));
        const notes = ofNotes.map((second, index) => at(`note-${index}`, second));
        const merged = withNotes(events, notes);
        expect(merged.filter(({ id }) => !id.startsWith('note-'))).toEqual(events);
        expect(merged.filter(({ id }) => id.startsWith('note-'))).toEqual(notes);
      }),
    );
  });
});
