import { parse } from 'smol-toml';

/**
 * Job: say where in a TOML source each key, table and value stands, so that a problem can be shown with its line and
 * an edit can replace one value and leave every other byte as it is.
 *
 * Boundary: reads only documents that a TOML parser has already accepted; it never validates. Offsets are UTF-16 code
 * units of the source given; lines and columns count from 1.
 *
 * Invariants
 * 1. `source.slice(valueStart, valueEnd)` of a key is exactly the value as written.
 * 2. Elements of `[[name]]` tables and of arrays have their index in the path: `['workflow', 0, 'version']`.
 * 3. A table's body ends before the next header, or at the end of the source.
 */
export type TomlPath = readonly (string | number)[];

export interface TomlEntry {
  path: TomlPath;
  keyStart: number;
  valueStart: number;
  valueEnd: number;
}

export interface TomlTable {
  path: TomlPath;
  headerStart: number;
  /** Just after the `]` of the header. */
  headerEnd: number;
  bodyEnd: number;
}

export interface TomlMap {
  entries: readonly TomlEntry[];
  tables: readonly TomlTable[];
  /** The entry written for exactly this path. */
  entry(path: TomlPath): TomlEntry | undefined;
  /** Line and column of what is written for this path, else of the nearest ancestor that is written. */
  position(path: TomlPath): { line: number; column: number } | undefined;
}

/** Maps a valid TOML source. Throws only on sources no TOML parser accepts. */
export function locateToml(source: string): TomlMap {
  const { entries, tables } = new Scanner(source).scan();
  const byPath = new Map(entries.map((entry) => [keyOf(entry.path), entry]));
  const starts = new Map<string, number>();
  for (const table of tables) starts.set(keyOf(table.path), table.headerStart);
  for (const entry of entries) starts.set(keyOf(entry.path), entry.keyStart);
  return {
    entries,
    tables,
    entry: (path) => byPath.get(keyOf(path)),
    position(path) {
      for (let length = path.length; length > 0; length--) {
        const start = starts.get(keyOf(path.slice(0, length)));
        if (start !== undefined) return positionAt(source, start);
      }
      return undefined;
    },
  };
}

/** Line and column, from 1, of an offset. */
export function positionAt(source: string, offset: number): { line: number; column: number } {
  const before = source.slice(0, offset);
  const lastBreak = before.lastIndexOf('\n');
  return { line: before.split('\n').length, column: offset - lastBreak };
}

function keyOf(path: TomlPath): string {
  return JSON.stringify(path);
}

class Scanner {
  private at = 0;
  private readonly entries: TomlEntry[] = [];
  private readonly tables: TomlTable[] = [];
  private readonly arrayCounts = new Map<string, number>();

  constructor(private readonly source: string) {}

  scan(): { entries: TomlEntry[]; tables: TomlTable[] } {
    let table: TomlPath = [];
    for (this.skipBlank(); this.at < this.source.length; this.skipBlank()) {
      if (this.peek() === '[') table = this.header();
      else this.keyValue(table);
    }
    const last = this.tables.at(-1);
    if (last) last.bodyEnd = this.source.length;
    return { entries: this.entries, tables: this.tables };
  }

  private header(): TomlPath {
    const headerStart = this.at;
    const isArray = this.source.startsWith('[[', this.at);
    this.at += isArray ? 2 : 1;
    const keys = this.dottedKey();
    this.skipSpaces();
    this.at += isArray ? 2 : 1;
    const path = this.resolve(keys, isArray);
    const previous = this.tables.at(-1);
    if (previous) previous.bodyEnd = headerStart;
    this.tables.push({ path, headerStart, headerEnd: this.at, bodyEnd: this.source.length });
    return path;
  }

  /** Puts the index of the current `[[…]]` element after every key that names an array of tables. */
  private resolve(keys: readonly string[], isArray: boolean): TomlPath {
    const path: (string | number)[] = [];
    keys.forEach((key, index) => {
      path.push(key);
      const id = keyOf(path);
      const count = this.arrayCounts.get(id);
      if (isArray && index === keys.length - 1) {
        this.arrayCounts.set(id, (count ?? 0) + 1);
        path.push(count ?? 0);
      } else if (count !== undefined) path.push(count - 1);
    });
    return path;
  }

  private keyValue(table: TomlPath): void {
    const keyStart = this.at;
    const path = [...table, ...this.dottedKey()];
    this.skipSpaces();
    this.at += 1; // the equals sign
    this.skipSpaces();
    const entry: TomlEntry = { path, keyStart, valueStart: this.at, valueEnd: this.at };
    this.entries.push(entry);
    this.value(path);
    entry.valueEnd = this.at;
  }

  private dottedKey(): string[] {
    const keys: string[] = [];
    for (;;) {
      this.skipSpaces();
      keys.push(this.simpleKey());
      this.skipSpaces();
      if (this.peek() !== '.') return keys;
      this.at += 1;
    }
  }

  private simpleKey(): string {
    const start = this.at;
    const quote = this.peek();
    if (quote === '"' || quote === "'") {
      this.string();
      const raw = this.source.slice(start, this.at);
      return quote === '"' ? unescapeKey(raw) : raw.slice(1, -1);
    }
    while (this.at < this.source.length && /[^\s=.\]]/.test(this.peek())) this.at += 1;
    if (this.at === start) throw new SyntaxError(`TOML key expected at offset ${start}`);
    return this.source.slice(start, this.at);
  }

  private value(path: TomlPath): void {
    const first = this.peek();
    if (first === '"' || first === "'") this.string();
    else if (first === '[') this.array(path);
    else if (first === '{') this.inlineTable(path);
    else {
      while (this.at < this.source.length && !/[,\]}#\n]/.test(this.peek())) this.at += 1;
      while (/\s/.test(this.source.charAt(this.at - 1))) this.at -= 1;
    }
  }

  private string(): void {
    const quote = this.peek();
    const triple = quote.repeat(3);
    const delimiter = this.source.startsWith(triple, this.at) ? triple : quote;
    this.at += delimiter.length;
    while (!this.source.startsWith(delimiter, this.at)) {
      if (this.at >= this.source.length) throw new SyntaxError('TOML string without an end');
      this.at += quote === '"' && this.peek() === '\\' ? 2 : 1;
    }
    this.at += delimiter.length;
    // A multi-line string may end in up to two quotes of its own before the delimiter.
    while (delimiter.length === 3 && this.peek() === quote) this.at += 1;
  }

  private array(path: TomlPath): void {
    this.at += 1;
    for (let index = 0; ; index++) {
      this.skipBlank();
      if (this.peek() === ']') break;
      const start = this.at;
      const element = [...path, index];
      const entry: TomlEntry = { path: element, keyStart: start, valueStart: start, valueEnd: start };
      this.entries.push(entry);
      this.value(element);
      entry.valueEnd = this.at;
      this.skipBlank();
      if (this.peek() === ',') this.at += 1;
    }
    this.at += 1;
  }

  private inlineTable(path: TomlPath): void {
    this.at += 1;
    for (;;) {
      this.skipBlank();
      if (this.peek() === '}') break;
      this.keyValue(path);
      this.skipBlank();
      if (this.peek() === ',') this.at += 1;
    }
    this.at += 1;
  }

  private skipSpaces(): void {
    while (this.peek() === ' ' || this.peek() === '\t') this.at += 1;
  }

  private skipBlank(): void {
    for (;;) {
      while (/[\s\uFEFF]/.test(this.peek())) this.at += 1;
      if (this.peek() !== '#') return;
      while (this.at < this.source.length && this.peek() !== '\n') this.at += 1;
    }
  }

  private peek(): string {
    return this.source.charAt(this.at);
  }
}

/** The key that a basic string stands for: escapes are the parser's business. */
function unescapeKey(raw: string): string {
  return Object.keys(parse(`${raw} = 0`))[0]!;
}
