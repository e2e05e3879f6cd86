import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { allPages, ROOT } from './support/pages.js';

/** A setting that nobody can find is none: every variable that the code reads is named in a page. */
const VARIABLE = /\b(?:PEGASUS|TEMPORAL)_[A-Z][A-Z0-9_]*[A-Z0-9]\b|\bDATABASE_URL\b|\bLOG_LEVEL\b/g;

async function variablesOfTheCode(): Promise<Set<string>> {
  const entries = await readdir(path.join(ROOT, 'packages'), { recursive: true, withFileTypes: true });
  const sources = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts'))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => /packages\/(kit|server|runner|platform|cli|sdk)\/src\//.test(file));
  const texts = await Promise.all(sources.map((file) => readFile(file, 'utf8')));
  // A name in quotes, or a key of a schema or of an environment: what is read, not what is talked about.
  const read = texts.flatMap((text) =>
    [...text.matchAll(/['"](?<quoted>[A-Z][A-Z0-9_]+)['"]|^\s*(?<key>[A-Z][A-Z0-9_]+):/gm)].map(
      ({ groups }) => groups!['quoted'] ?? groups!['key']!,
    ),
  );
  return new Set(read.filter((name) => new RegExp(`^(?:${VARIABLE.source})$`).test(name)));
}

it('every setting that the code reads is in the docs', async () => {
  const pages = await allPages();
  const text = pages.map((page) => page.text).join('\n');
  const named = new Set(text.match(VARIABLE));
  const variables = [...(await variablesOfTheCode())];
  expect(variables.length).toBeGreaterThan(20);
  expect(variables.filter((name) => !named.has(name)).sort()).toEqual([]);
});
