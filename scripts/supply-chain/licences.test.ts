import path from 'node:path';
import { expect, it } from 'vitest';
import { readAccepted } from './accepted.mjs';
import { licenceProblems } from './licences.mjs';
import { shippedPackages } from './lock.mjs';

const ROOT = path.resolve(import.meta.dirname, '../..');
const one = (licence: string | undefined) => ({
  name: 'some',
  version: '1.0.0',
  licence,
  integrity: undefined,
  own: false,
  dependencies: [],
});
const accepted = (licence: string) => [{ package: 'some', licence, reason: 'read by somebody who knows' }];

it.each(['MIT', 'ISC', '0BSD', 'BlueOak-1.0.0', 'Apache-2.0 AND MIT', '(MPL-2.0 OR Apache-2.0)'])(
  '%s may be shipped',
  (licence) => {
    expect(licenceProblems([one(licence)], [])).toEqual([]);
  },
);

it.each([
  'GPL-3.0-only',
  'MIT AND GPL-3.0-only',
  'GPL-2.0-or-later',
  'GPL-2.0+',
  'SEE LICENSE IN LICENSE.md',
  'UNLICENSED',
  'BUSL-1.1',
])('%s may not', (licence) => {
  expect(licenceProblems([one(licence)], [])).toEqual([`some@1.0.0 has the licence ${licence}`]);
});

it('no licence is none', () => {
  expect(licenceProblems([one(undefined)], [])).toEqual(['some@1.0.0 has no licence']);
});

it('an acceptance holds for the licence that was read, and while it is needed', () => {
  expect(licenceProblems([one('GPL-3.0-only')], accepted('GPL-3.0-only'))).toEqual([]);
  expect(licenceProblems([one('AGPL-3.0-only')], accepted('GPL-3.0-only'))).toHaveLength(2);
  expect(licenceProblems([one('MIT')], accepted('GPL-3.0-only'))).toEqual([
    'some is accepted and needs no acceptance any more',
  ]);
});

it('what this repository ships is all permissive, or accepted', () => {
  const { licences } = readAccepted(path.join(import.meta.dirname, 'accepted.json'));
  expect(licenceProblems(shippedPackages(ROOT).values(), licences)).toEqual([]);
});

it('what ships is our packages and what they need, down to the last, and no tool of the tests', () => {
  const shipped = shippedPackages(ROOT);
  const names = new Set([...shipped.values()].map(({ name }) => name));
  for (const name of ['pegasus-workflows', 'zod', '@temporalio/core-bridge', 'long'])
    expect(names).toContain(name);
  for (const name of ['vitest', 'knip', 'prettier', 'hello-example']) expect(names).not.toContain(name);
  for (const { dependencies } of shipped.values())
    for (const each of dependencies) expect(shipped.has(each)).toBe(true);
});
