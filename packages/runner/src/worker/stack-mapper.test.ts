import { buildSync } from 'esbuild';
import { expect, test } from 'vitest';
import { StackMapper } from './stack-mapper.js';

const FILE = '/cache/artifacts/abc/.pegasus/activities.cjs';
const SOURCE = ['// a comment', 'export function fail(): never {', '  throw new Error("x");', '}', ''].join(
  '\n',
);

function bundle(): string {
  const built = buildSync({
    stdin: { contents: SOURCE, sourcefile: 'demo/activities.ts', loader: 'ts' },
    bundle: true,
    write: false,
    format: 'cjs',
    sourcemap: 'inline',
    outfile: 'activities.cjs',
  });
  return built.outputFiles[0]!.text;
}

test('a frame of the bundle becomes the author’s file and line; others stay', () => {
  const code = bundle();
  const line = code.split('\n').findIndex((text) => text.includes('throw new Error')) + 1;
  const stack = `Error: x\n    at fail (${FILE}:${line}:9)\n    at other (/somewhere/else.js:1:1)`;
  const mapped = new StackMapper(FILE, code).map(stack);
  expect(mapped).toMatch(/at fail \(demo\/activities\.ts:3:\d+\)/);
  expect(mapped).toContain('at other (/somewhere/else.js:1:1)');
});

test('without a usable map the stack comes back unchanged (invariant 1)', () => {
  const stack = `Error: x\n    at fail (${FILE}:1:1)`;
  expect(new StackMapper(FILE, 'no map').map(stack)).toBe(stack);
  const damaged = '//# sourceMappingURL=data:application/json;base64,bm90IGpzb24=';
  expect(new StackMapper(FILE, damaged).map(stack)).toBe(stack);
});

test('an error and its causes are mapped, a cycle among them ends', () => {
  const code = bundle();
  const inner = new Error('inner');
  inner.stack = `Error: inner\n    at fail (${FILE}:1:1)`;
  const outer = new Error('outer', { cause: inner });
  inner.cause = outer;
  new StackMapper(FILE, code).mapError(outer);
  expect(inner.stack).not.toBe(undefined);
});
