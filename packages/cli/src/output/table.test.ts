import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderTable } from './table.js';

const columns = [{ title: 'name', keep: true }, { title: 'what' }, { title: 'ms', align: 'right' as const }];

describe('renderTable', () => {
  it('aligns', () => {
    expect(
      renderTable(columns, [['a', 'first', '1'], ['bcd', 'second', '100']], Infinity), // prettier-ignore
    ).toEqual(['NAME  WHAT     MS', 'a     first     1', 'bcd   second  100']);
  });

  it('cuts what may be cut, and says that it did', () => {
    const [, row] = renderTable(columns, [['id-1', 'a long description of it', '7']], 30);
    expect(row).toBe('id-1  a long description …   7');
  });

  it('becomes blocks where what must stay whole does not fit', () => {
    const id = '01234567-0123-0123-0123-0123456789ab';
    expect(renderTable(columns, [[id, 'x', '7']], 20)).toEqual([`name: ${id}`, 'what: x', 'ms: 7']);
  });

  it('never exceeds the width while it is a table', () => {
    const cell = fc.stringMatching(/^[a-z ]{0,40}$/);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell, cell), { minLength: 1 }),
        fc.integer({ min: 10, max: 120 }),
        (rows, width) => {
          const lines = renderTable(columns, rows, width);
          if (lines[0]?.startsWith('NAME'))
            expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
          for (const [name] of rows) expect(lines.some((line) => line.includes(name.trim()))).toBe(true);
        },
      ),
    );
  });
});
