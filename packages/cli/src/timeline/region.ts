import { isDeepStrictEqual } from 'node:util';
import { clip, displayWidth } from './display-width.js';

/** A terminal as a region needs it. */
export interface Screen {
  write(text: string): unknown;
  columns?: number;
  rows?: number;
}

/**
 * Job: the last lines of a terminal, redrawn in place while everything above them stays.
 *
 * Boundary: writes to a terminal; what to draw and when is the caller's.
 *
 * Invariants
 * 1. What was committed is never touched again; it scrolls away like any output.
 * 2. A redraw is one write of the whole region, so a terminal shows the old lines or the new ones, and no blank between.
 * 3. A drawn line never wraps: it is cut to the width. When the terminal has become narrower since, the rows that the
 *    old lines take now are the ones erased.
 * 4. The region is lower than the terminal; lines that do not fit are left out at its top, and a line says how many.
 * 5. The cursor is where the next line of output belongs after every write, visible: nothing is to be put right when the
 *    process ends at any moment.
 */
export class Region {
  #drawn: string[] = [];

  constructor(private readonly screen: Screen) {}

  /** Writes lines for good above the region, and the region anew below them. */
  update(committed: readonly string[], live: readonly string[]): void {
    const columns = this.screen.columns ?? 80;
    const shown = this.#fitting(live).map((line) => clip(line, columns));
    if (committed.length === 0 && isDeepStrictEqual(shown, this.#drawn)) return;
    const lines = [...committed, ...shown].map((line) => `${line}\n`).join('');
    this.screen.write(this.#erase(columns) + lines);
    this.#drawn = shown;
  }

  /** Cursor to the region's first row, and everything from there on erased. */
  #erase(columns: number): string {
    const rows = this.#drawn.reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(displayWidth(line) / columns)),
      0,
    );
    return rows === 0 ? '' : `\u001b[${rows}A\r\u001b[J`;
  }

  #fitting(live: readonly string[]): string[] {
    const most = Math.max(1, (this.screen.rows ?? 24) - 2);
    if (live.length <= most) return [...live];
    const kept = live.slice(live.length - most + 1);
    return [`… ${live.length - kept.length} lines above`, ...kept];
  }
}
