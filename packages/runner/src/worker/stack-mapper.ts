/**
 * Job: turn the positions of a bundled file in a stack trace into the author's file and line.
 *
 * Boundary: text in, text out; the inline source map is parsed at the first failure, not at load.
 *
 * Invariants
 * 1. A stack without a frame of the bundle, or a bundle without a usable map, comes back unchanged.
 * 2. No mapped frame names a folder of this machine: paths are relative to the author's project.
 */
import { SourceMap, type SourceMapPayload } from 'node:module';
import { posix } from 'node:path';

const INLINE_MAP = /\/\/# sourceMappingURL=data:application\/json[^,]*;base64,([A-Za-z0-9+/=]+)\s*$/;

/** Maps the stack traces of one bundle. */
export class StackMapper {
  readonly #position: RegExp;
  #map: SourceMap | null | undefined;

  /**
   * @param file absolute path under which the bundle was compiled
   * @param code the bundle's text, ending in its inline source map
   */
  constructor(
    file: string,
    private readonly code: string,
  ) {
    const escaped = file.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    this.#position = new RegExp(`(?:file://)?${escaped}:(\\d+):(\\d+)`, 'g');
  }

  /** The stack with every frame of the bundle at its author's place. */
  map(stack: string): string {
    if (stack.search(this.#position) === -1) return stack;
    const map = this.#load();
    if (!map) return stack;
    return stack.replace(this.#position, (whole, line: string, column: string) => {
      const entry = map.findEntry(Number(line) - 1, Number(column) - 1);
      if (!('originalSource' in entry)) return whole;
      return `${projectPath(entry.originalSource)}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
    });
  }

  /** Rewrites the stacks of an error and of its causes, in place. */
  mapError(error: unknown): void {
    const seen = new Set<unknown>();
    for (let at = error; at instanceof Error && !seen.has(at); at = at.cause) {
      seen.add(at);
      if (typeof at.stack === 'string') at.stack = this.map(at.stack);
    }
  }

  #load(): SourceMap | null {
    if (this.#map !== undefined) return this.#map;
    this.#map = null;
    const encoded = INLINE_MAP.exec(this.code.slice(this.code.lastIndexOf('//# sourceMappingURL=')))?.[1];
    if (encoded) {
      try {
        const payload = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8')) as SourceMapPayload;
        this.#map = new SourceMap(payload);
      } catch {
        // A damaged map costs readable lines, never the failure itself.
        this.#map = null;
      }
    }
    return this.#map;
  }
}

/** `../src/activities.ts` and `file:///…` as the author would write them. */
function projectPath(source: string): string {
  return posix.normalize(source.replace(/^file:\/\//, '')).replace(/^(\.\.\/)+/, '');
}
