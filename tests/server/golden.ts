import { readFile, writeFile } from 'node:fs/promises';
import { expect } from 'vitest';

const GOLDEN = new URL('../../packages/contracts/golden/', import.meta.url);
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TIMESTAMP = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g;
const SHA256 = /\b[0-9a-f]{64}\b/g;

/** Ids, times, digests, signatures, hosts and lines of the tests differ from run to run; everything else of an answer does not. */
export function normalize(body: unknown): unknown {
  const text = JSON.stringify(body)
    .replace(UUID, '00000000-0000-4000-8000-000000000000')
    .replace(TIMESTAMP, '2026-01-01T00:00:00.000Z')
    .replace(SHA256, '0'.repeat(64))
    .replace(/\.ts:\d+/g, '.ts:1')
    .replace(/expires=\d+/g, 'expires=1767226200')
    .replace(/size=\d+/g, 'size=1000')
    .replace(/signature=[\w-]+/g, `signature=${'A'.repeat(43)}`)
    .replace(/"(artifactSizeBytes)":\d+/g, '"$1":1000')
    .replace(/http:\/\/pegasus\.test/g, 'http://127.0.0.1:3000');
  return JSON.parse(text);
}

/**
 * The answer has, field by field and in order, the bytes of `packages/contracts/golden/<name>.json`.
 * `PEGASUS_UPDATE_GOLDEN=1` writes the files instead; read the diff before committing it.
 */
export async function expectGolden(name: string, body: unknown): Promise<void> {
  const file = new URL(`${name}.json`, GOLDEN);
  const text = `${JSON.stringify(normalize(body), null, 2)}\n`;
  if (process.env['PEGASUS_UPDATE_GOLDEN']) await writeFile(file, text);
  expect(text).toBe(await readFile(file, 'utf8'));
}
