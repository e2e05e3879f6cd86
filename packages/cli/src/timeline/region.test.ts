import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPalette } from '../output/colors.js';
import { clip, displayWidth } from './display-width.js';
import { Region } from './region.js';
import { ScreenTimeline } from './screen-timeline.js';

/** A terminal of just enough wit: text, line feeds, cursor up, erase below, wrapping. */
class Emulator {
  readonly lines: string[] = [''];
  row = 0;
  writes = 0;
  constructor(
    readonly columns: number,
    readonly rows: number,
  ) {}

  write(text: string): void {
    this.writes++;

    for (const [part] of text.matchAll(/\u001b\[(\d*)([AJm])|[^]/gu)) {
      const [, number, code] = /^\u001b\[(\d*)([AJm])/.exec(part) ?? [];
      if (code === 'A') this.row = Math.max(0, this.row - Number(number));
      else if (code === 'J') this.lines.splice(this.row, Infinity, '');
      else if (part === '\n') this.lines[++this.row] ??= '';
      else if (code === undefined && part !== '\r') this.#put(part);
    }
  }

  #put(character: string): void {
    if (displayWidth(this.lines[this.row] ?? '') + displayWidth(character) > this.columns)
      this.lines[++this.row] = '';
    this.lines[this.row] += character;
  }

  get text(): string[] {
    return this.lines.slice(0, -1);
  }
}

describe('Region', () => {
  it('redraws in place below what was committed (invariants 1, 2 and 5)', () => {
    const screen = new Emulator(40, 10);
    const region = new Region(screen);
    region.update([], ['a 1', 'b 1']);
    region.update(['a done'], ['b 2']);
    region.update([], ['b 2']);
    region.update(['b done'], []);
    expect(screen.text).toEqual(['a done', 'b done']);
    expect(screen.writes).toBe(3);
  });

  it('leaves nothing behind whatever is drawn (invariants 1, 3 and 4)', () => {
    const line = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '表', '🎉'), maxLength: 60 });
    const step = fc.record({
      committed: fc.array(line.map((text) => clip(text, 20)), { maxLength: 2 }),
      live: fc.array(line, { maxLength: 12 }),
    }); // prettier-ignore
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
        const screen = new Emulator(60, 8);
        const region = new Region(screen);
        const committed: string[] = [];
        for (const one of steps) {
          region.update(one.committed, one.live);
          committed.push(...one.committed);
          expect(screen.text.slice(0, committed.length)).toEqual(committed);
          expect(screen.text.length - committed.length).toBeLessThanOrEqual(6);
        }
        region.update([], []);
        expect(screen.text).toEqual(committed);
      }),
    );
  });

  it('erases the rows that old lines take on a terminal that has become narrower (invariant 3)', () => {
    let written = '';
    const screen = { columns: 40, rows: 10, write: (text: string) => (written = text) };
    const region = new Region(screen);
    region.update([], ['x'.repeat(40), 'y']);
    screen.columns = 20;
    region.update([], ['z']);
    expect(written).toBe('\u001b[3A\r\u001b[Jz\n');
  });
});

describe('clip', () => {
  it('keeps to the columns and ends colours', () => {
    expect(clip('abcdef', 6)).toBe('abcdef');
    expect(clip('abcdef', 4)).toBe('abc…');
    expect(clip('表表表', 4)).toBe('表…');
    expect(clip('\u001b[31mabcdef\u001b[39m', 3)).toBe('\u001b[31mab…\u001b[0m');
  });
});

describe('ScreenTimeline', () => {
  const at = (ms: number): string => new Date(Date.parse('2026-01-01T00:00:00Z') + ms).toISOString();
  it('writes what has ended once, and what is open below', () => {
    const screen = new Emulator(40, 10);
    const timeline = new ScreenTimeline(screen, { colors: createPalette(false) });
    const events = [
      { id: '1', type: 'WorkflowExecutionStarted', timestamp: at(0) },
      { id: '2', type: 'ActivityTaskScheduled', timestamp: at(1), activityType: 'a' },
      { id: '3', type: 'ActivityTaskScheduled', timestamp: at(1), activityType: 'b' },
      { id: '4', type: 'ActivityTaskCompleted', timestamp: at(9), activityType: 'b', scheduledEventId: '3' },
      { id: '5', type: 'ActivityTaskCompleted', timestamp: at(9), activityType: 'a', scheduledEventId: '2' },
      { id: '6', type: 'WorkflowExecutionCompleted', timestamp: at(10) },
    ];
    const shown = [0, 1, 3, 4, 6].map((length) => {
      timeline.show({ events: events.slice(0, length) }, length === 6);
      return [...screen.text];
    });
    expect(shown).toEqual([
      [],
      ['· workflow started'],
      ['· workflow started', '▸ a  …', '▸ b  …'],
      ['· workflow started', '▸ a  …', '✓ b  8 ms'],
      ['· workflow started', '✓ a  8 ms', '✓ b  8 ms', '✓ workflow completed  10 ms'],
    ]);
  });
});
