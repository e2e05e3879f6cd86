import { parse, TomlError } from 'smol-toml';
import type { Problem } from '../problems/index.js';

export type ParsedToml = { ok: true; data: Record<string, unknown> } | { ok: false; problem: Problem };

/** Parses TOML text; a syntax error becomes one problem of `file`, with line and column. */
export function parseToml(source: string, file: string): ParsedToml {
  try {
    return { ok: true, data: parse(source) };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [summary] = error.message.split('\n');
    const reason = (summary ?? '').replace(/^Invalid TOML document: /, '');
    const message = `is not valid TOML: ${reason}`;
    const position = { line: error.line, column: error.column };
    return { ok: false, problem: { file, ...position, message, fix: 'mend the syntax of this line' } };
  }
}

/** Whether a parsed TOML value is a table. */
export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
