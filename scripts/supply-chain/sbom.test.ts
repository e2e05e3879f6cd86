import { Version } from '@cyclonedx/cyclonedx-library/Spec';
import { JsonStrictValidator } from '@cyclonedx/cyclonedx-library/Validation';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { shippedPackages } from './lock.mjs';
import { billOfMaterials } from './sbom.mjs';

const ROOT = path.resolve(import.meta.dirname, '../..');
const bomSchema = z.object({
  metadata: z.object({
    timestamp: z.string(),
    component: z.object({ name: z.string(), version: z.string() }),
  }),
  components: z.array(
    z.object({
      'bom-ref': z.string(),
      group: z.string().optional(),
      name: z.string(),
      version: z.string(),
      purl: z.string(),
      licenses: z.array(z.unknown()).optional(),
      hashes: z.array(z.object({ alg: z.string(), content: z.string() })).optional(),
    }),
  ),
  dependencies: z.array(z.object({ ref: z.string(), dependsOn: z.array(z.string()).default([]) })),
});

const text = billOfMaterials(shippedPackages(ROOT), '1.2.3', new Date('2026-01-02T03:04:05Z'));
const bom = bomSchema.parse(JSON.parse(text));
const validator = new JsonStrictValidator(Version.v1dot6);
const dependsOn = new Map(bom.dependencies.map((each) => [each.ref, each.dependsOn]));

async function manifests() {
  const folders = await readdir(path.join(ROOT, 'packages'));
  const texts = folders.map((folder) =>
    readFile(path.join(ROOT, 'packages', folder, 'package.json'), 'utf8'),
  );
  const schema = z.object({
    name: z.string(),
    version: z.string(),
    dependencies: z.record(z.string(), z.string()).default({}),
  });
  return (await Promise.all(texts)).map((each) => schema.parse(JSON.parse(each)));
}

it('is valid by the schema of CycloneDX 1.6, which would say if it were not', async () => {
  expect(await validator.validate(text)).toBeNull();
  expect(await validator.validate(text.replace('"type": "library"', '"type": "cupboard"'))).not.toBeNull();
});

it('names each of our packages, with all that its package.json depends on', async () => {
  const ours = await manifests();
  expect(ours.length).toBeGreaterThan(8);
  const nameOf = new Map(
    bom.components.map((each) => [each['bom-ref'], each.group ? `${each.group}/${each.name}` : each.name]),
  );
  for (const { name, version, dependencies } of ours) {
    const ref = [...nameOf].find(([each, other]) => other === name && each.endsWith(`@${version}`))?.[0];
    expect(ref, name).toBeDefined();
    const named = dependsOn.get(ref!)!.map((each) => nameOf.get(each));
    expect(named, name).toEqual(expect.arrayContaining(Object.keys(dependencies)));
    expect(dependsOn.get('pegasus@1.2.3')).toContain(ref);
  }
});

it('has no reference that leads nowhere, and nothing twice', () => {
  const refs = bom.components.map((each) => each['bom-ref']);
  expect(new Set(refs).size).toBe(refs.length);
  const known = new Set([...refs, 'pegasus@1.2.3']);
  for (const { ref, dependsOn: others } of bom.dependencies)
    for (const each of [ref, ...others]) expect(known).toContain(each);
});

it('says of each package where it is from, what it hashes to and under which licence it is', () => {
  const zod = bom.components.find(({ name }) => name === 'zod');
  expect(zod).toMatchObject({ licenses: [{ license: { id: 'MIT', acknowledgement: 'declared' } }] });
  expect(zod!.purl).toBe(`pkg:npm/zod@${zod!.version}`);
  expect(zod!.hashes).toEqual([
    { alg: 'SHA-512', content: expect.stringMatching(/^[0-9a-f]{128}$/) as string },
  ]);
  const scoped = bom.components.find(({ group, name }) => group === '@temporalio' && name === 'worker');
  expect(scoped!.purl).toMatch(/^pkg:npm\/%40temporalio\/worker@\d/);
});

it('says what it is of, and when it was made', () => {
  expect(bom.metadata).toMatchObject({
    timestamp: '2026-01-02T03:04:05.000Z',
    component: { name: 'pegasus', version: '1.2.3' },
  });
});
