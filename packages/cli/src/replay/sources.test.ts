import { writeFile } from 'node:fs/promises';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSources } from './sources.js';

const ID = '0e3b1d3e-6f2e-4f60-9d5a-0a3b1d3e6f2e';
const folder = mkdtempSync(path.join(tmpdir(), 'pegasus-sources-'));
beforeAll(async () => {
  for (const name of ['a.json', '5', 'latest.json']) await writeFile(path.join(folder, name), '{}');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string) => ({ kind: 'file', file: path.join(folder, name) });

describe('--from', () => {
  it.each<[string[], object[]]>([
    [['latest'], [{ kind: 'latest', count: 5 }]],
    [['latest:12'], [{ kind: 'latest', count: 12 }]],
    [['latest', '3'], [{ kind: 'latest', count: 3 }]],
    [['latest 3'], [{ kind: 'latest', count: 3 }]],
    [['5'], [file('5')]],
    [['a.json', ID.toUpperCase(), 'latest.json', 'latest'], [file('a.json'), { kind: 'execution', id: ID }, file('latest.json'), { kind: 'latest', count: 5 }]],
  ])('%j', (given, sources) => expect(readSources(given, folder)).toEqual(sources)); // prettier-ignore

  it.each([
    [['none.json'], 4],
    [['latest:0'], 2],
    [['latest:51'], 2],
    [['latest:x'], 2],
  ])('refuses %j with exit code %d', (given, exitCode) => {
    expect(() => readSources(given, folder)).toThrow(expect.objectContaining({ exitCode }));
  });
});
