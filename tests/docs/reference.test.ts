import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { REFERENCE_DIR, referencePages, writtenPages } from '../../scripts/docs/reference.mjs';

it('docs/reference is what `npm run docs:generate` makes of the code', async () => {
  const pages = await referencePages();
  const written = await writtenPages();
  expect(written.sort()).toEqual(Object.keys(pages).sort());
  const differing: string[] = [];
  for (const [file, content] of Object.entries(pages))
    if ((await readFile(path.join(REFERENCE_DIR, file), 'utf8')) !== content) differing.push(file);
  expect(differing, 'run `npm run docs:generate` after `npm run build` and commit docs/reference').toEqual(
    [],
  );
}, 120_000);
