import { locateToml, type TomlMap } from '../toml/index.js';

/**
 * Sets string keys of one table in a TOML source and leaves every other byte as it is: comments, order, spacing, line
 * ends. Keys that are there get a new value in place, new ones go to the end of the table, and a table that is not
 * there yet to the end of the source.
 *
 * @param source valid TOML
 */
export function setKeys(
  source: string,
  table: readonly string[],
  values: Readonly<Record<string, string>>,
): string {
  const lineEnd = /\r\n/.test(source) ? '\r\n' : '\n';
  let text = source;
  const missing: string[] = [];
  for (const [key, value] of Object.entries(values)) {
    const entry = locateToml(text).entry([...table, key]);
    if (entry) text = text.slice(0, entry.valueStart) + tomlString(value) + text.slice(entry.valueEnd);
    else missing.push(`${tomlKey(key)} = ${tomlString(value)}`);
  }
  if (missing.length === 0) return text;
  const place = insertionPoint(text, locateToml(text), table);
  const lines = missing.join(lineEnd);
  if (place === undefined) {
    const header = `[${table.map(tomlKey).join('.')}]`;
    const separator = text.trim() === '' ? '' : `${text.endsWith('\n') ? '' : lineEnd}${lineEnd}`;
    return `${text}${separator}${header}${lineEnd}${lines}${lineEnd}`;
  }
  return `${text.slice(0, place)}${lineEnd}${lines}${text.slice(place)}`;
}

/** After the last line of the table that says something, so that comments before the next table stay with that one. */
function insertionPoint(text: string, toml: TomlMap, path: readonly string[]): number | undefined {
  const id = JSON.stringify(path);
  const table = toml.tables.find((candidate) => JSON.stringify(candidate.path) === id);
  if (!table) return undefined;
  const inside = toml.entries.filter(
    ({ keyStart, valueEnd }) => keyStart >= table.headerEnd && valueEnd <= table.bodyEnd,
  );
  const last = Math.max(table.headerEnd, ...inside.map(({ valueEnd }) => valueEnd));
  const lineBreak = /\r?\n/.exec(text.slice(last, table.bodyEnd));
  return lineBreak ? last + lineBreak.index : table.bodyEnd;
}

/** A basic string; TOML's escapes are JSON's, but for DEL, which JSON leaves bare. */
function tomlString(value: string): string {
  return JSON.stringify(value).replaceAll('\u007f', '\\u007F');
}

function tomlKey(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : tomlString(key);
}
