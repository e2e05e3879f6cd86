import { stripVTControlCharacters } from 'node:util';

export interface Column {
  title: string;
  /** Never cut: ids and names that people copy. */
  keep?: boolean;
  align?: 'right';
}

const GAP = '  ';
const NARROWEST = 8;

/**
 * Aligned columns that fit `width`. Columns that may be cut are cut, widest first; when what may not be cut is too
 * wide already, every row becomes a small block of `title: value` lines instead.
 */
export function renderTable(columns: readonly Column[], rows: readonly string[][], width: number): string[] {
  const widths = columns.map((column, index) =>
    Math.max(visible(column.title), ...rows.map((row) => visible(row[index] ?? ''))),
  );
  if (!shrink(columns, widths, width)) return renderBlocks(columns, rows);
  const header = columns.map((column) => column.title.toUpperCase());
  return [header, ...rows].map((row) =>
    columns
      .map((column, index) => fit(row[index] ?? '', widths[index] ?? 0, column.align))
      .join(GAP)
      .trimEnd(),
  );
}

/** Narrows `widths` in place until the table fits; false when it cannot. */
function shrink(columns: readonly Column[], widths: number[], width: number): boolean {
  const total = () => widths.reduce((sum, one) => sum + one, 0) + GAP.length * (columns.length - 1);
  while (total() > width) {
    let widest = -1;
    for (const [index, column] of columns.entries()) {
      const candidate = widths[index] ?? 0;
      if (!column.keep && candidate > NARROWEST && candidate > (widths[widest] ?? 0)) widest = index;
    }
    if (widest < 0) return false;
    widths[widest] = Math.max(NARROWEST, (widths[widest] ?? 0) - (total() - width));
  }
  return true;
}

function renderBlocks(columns: readonly Column[], rows: readonly string[][]): string[] {
  return rows.flatMap((row, at) => [
    ...(at > 0 ? [''] : []),
    ...columns.map((column, index) => `${column.title}: ${row[index] ?? ''}`),
  ]);
}

/** Length on screen, colour codes not counted. */
function visible(text: string): number {
  return stripVTControlCharacters(text).length;
}

function fit(text: string, width: number, align: 'right' | undefined): string {
  const length = visible(text);
  if (length > width) return `${stripVTControlCharacters(text).slice(0, width - 1)}…`;
  const padding = ' '.repeat(width - length);
  return align === 'right' ? padding + text : text + padding;
}
