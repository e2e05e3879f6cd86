import { type Workflow } from '@pegasus-workflows/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseWorkflow, parseReference } from './choose.js';
import { compareVersions } from './versions.js';

const ID = '0e3b1d3e-6f2e-4f60-9d5a-0a3b1d3e6f2e';

function published(name: string, version: string, visibility: Workflow['visibility'] = 'TENANT'): Workflow {
  return {
    id: ID,
    tenantId: ID,
    name,
    version,
    visibility,
    manifest: { name, version, entryPoints: ['a:b'], diagram: 'flowchart TD' },
    createdByUserId: null,
    forkedFromWorkflowId: null,
    forkedFromVersion: null,
    artifactSha256: '',
    artifactSizeBytes: 1,
    executable: true,
    quarantine: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    updatedAt: '2026-01-01T00:00:00.000Z',
  };
}

describe('parseReference', () => {
  it('tells names, versions and ids apart', () => {
    expect(parseReference('hello')).toEqual({ name: 'hello' });
    expect(parseReference('hello@1.0.0')).toEqual({ name: 'hello', version: '1.0.0' });
    expect(parseReference(ID.toUpperCase())).toEqual({ id: ID });
  });
  it.each(['hello@', '@1.0.0'])('refuses %s', (text) => {
    expect(() => parseReference(text)).toThrow(expect.objectContaining({ exitCode: 2 }));
  });
});

describe('chooseWorkflow', () => {
  const all = [
    published('hello', '1.9.0'),
    published('hello', '1.10.0'),
    published('hello', '1.10.0-dev.9'),
    published('hello', '3.0.0', 'GLOBAL'),
    published('shared', '1.0.0', 'GLOBAL'),
  ];
  it('prefers the own newest, by version and not by text', () => {
    expect(chooseWorkflow(all, { name: 'hello' })).toBe(all[1]);
    expect(chooseWorkflow(all, { name: 'shared' })).toBe(all[4]);
  });
  it('takes exactly the version that is named, GLOBAL if only there', () => {
    expect(chooseWorkflow(all, { name: 'hello', version: '1.9.0' })).toBe(all[0]);
    expect(chooseWorkflow(all, { name: 'hello', version: '3.0.0' })).toBe(all[3]);
  });
  it('suggests the nearest name, or the versions there are', () => {
    expect(() => chooseWorkflow(all, { name: 'helo' })).toThrow(
      expect.objectContaining({ exitCode: 4, hint: 'Did you mean hello?' }),
    );
    expect(() => chooseWorkflow(all, { name: 'shared', version: '2.0.0' })).toThrow(
      expect.objectContaining({ exitCode: 4, hint: 'Published: 1.0.0.' }),
    );
  });
});

describe('compareVersions', () => {
  it('orders as semver.org does', () => {
    const ordered = ['1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-alpha.beta', '1.0.0-beta', '1.0.0-beta.2', '1.0.0-beta.11', '1.0.0-rc.1', '1.0.0', '1.0.1-dev.2', '1.0.1-dev.10', '1.0.1']; // prettier-ignore
    fc.assert(
      fc.property(fc.shuffledSubarray(ordered), (some) => {
        expect([...some].sort(compareVersions)).toEqual(ordered.filter((one) => some.includes(one)));
      }),
    );
  });
});
