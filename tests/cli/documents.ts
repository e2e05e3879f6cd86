import { expect } from 'vitest';
import { JSON_LINES, JSON_OUTPUTS } from '../../packages/cli/dist/json/index.js';

/**
 * What a command printed with `--json` is one document of its published shape, with no field that the shape does not
 * have: the command's own, or that of a failure. A command that watches prints one a line.
 *
 * @param args the command line, the command's words first
 */
export function checkDocument(args: readonly string[], stdout: string): void {
  const isLines = JSON_LINES.has(commandOf(args)) && !stdout.startsWith('{\n');
  for (const text of isLines ? stdout.trimEnd().split('\n') : [stdout]) checkOne(args, JSON.parse(text));
}

function checkOne(args: readonly string[], document: unknown): void {
  const name = isFailure(document) ? 'error' : commandOf(args);
  const schema = JSON_OUTPUTS[name];
  expect(schema, `the schema of "${name}"`).toBeDefined();
  expect(schema!.parse(document), `the document of "${name}"`).toEqual(document);
}

function isFailure(document: unknown): boolean {
  return typeof document === 'object' && document !== null && 'error' in document && 'code' in document;
}

function commandOf(args: readonly string[]): string {
  const names = [3, 2].map((words) => args.slice(0, words).join(' '));
  return names.find((name) => name in JSON_OUTPUTS) ?? args[0] ?? '';
}
