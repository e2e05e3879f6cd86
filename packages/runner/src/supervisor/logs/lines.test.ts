import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readLines } from './lines.js';

/** Feeds chunks and answers the lines. */
async function linesOf(chunks: readonly Buffer[], maxBytes = 1_000): Promise<[string, boolean][]> {
  const stream = new PassThrough();
  const lines: [string, boolean][] = [];
  const ended = new Promise<void>((onEnd) => {
    readLines(stream, maxBytes, { onLine: (line, isCut) => void lines.push([line, isCut]), onEnd });
  });
  for (const chunk of chunks) if (!stream.write(chunk)) await once(stream, 'drain');
  stream.end();
  await ended;
  return lines;
}

test('lines are the same however the text is cut into chunks', async () => {
  const text = fc.array(fc.string({ unit: 'grapheme', maxLength: 20 }), { maxLength: 10 });
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat(50), { maxLength: 20 }), async (lines, sizes) => {
      const clean = lines.map((line) => line.replace(/[\r\n]/g, ''));
      const bytes = Buffer.from(clean.map((line) => `${line}\n`).join(''));
      const chunks: Buffer[] = [];
      let from = 0;
      for (const size of sizes) chunks.push(bytes.subarray(from, (from += size)));
      chunks.push(bytes.subarray(from));
      const told = await linesOf(chunks.filter(({ length }) => length > 0));
      expect(told).toEqual(clean.filter((line) => line !== '').map((line) => [line, false]));
    }),
    { numRuns: 50 },
  );
});

test('of a line that is too long the beginning is told, and the next one is whole', async () => {
  const chunks = [Buffer.alloc(5_000, 'x'), Buffer.from('y\nnext\nno end')];
  expect(await linesOf(chunks, 10)).toEqual([
    ['x'.repeat(10), true],
    ['next', false],
    ['no end', false],
  ]);
});
