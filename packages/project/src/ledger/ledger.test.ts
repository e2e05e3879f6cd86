import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { parse } from 'smol-toml';
import { describe, expect, test } from 'vitest';
import { temporaryProject } from '../testing/temporary-project.js';
import { setKeys } from './edit-toml.js';
import { type Deployment, envFromUrl, findDeployment, readLedger, recordDeployment } from './ledger.js';

const DEPLOYMENT: Deployment = {
  env: 'local',
  workflow: 'demo',
  baseUrl: 'http://localhost:4800',
  workflowId: '6f1b0a9e-0000-4000-8000-000000000001',
  version: '1.0.0',
  visibility: 'TENANT',
  publishedAt: '2025-01-02T03:04:05.000Z',
  multi: false,
};

async function ledger(text?: string): Promise<{ dir: string; read: () => Promise<string> }> {
  const dir = await temporaryProject(text === undefined ? {} : { 'deployments.toml': text }, { base: {} });
  return { dir, read: () => readFile(path.join(dir, 'deployments.toml'), 'utf8') };
}

describe('recording', () => {
  test('makes the file, and updates in place', async () => {
    const { dir, read } = await ledger();
    await recordDeployment(dir, DEPLOYMENT);
    await recordDeployment(dir, { ...DEPLOYMENT, env: 'api.example.com', version: '0.9.0' });
    await recordDeployment(dir, { ...DEPLOYMENT, version: '1.1.0' });
    expect(await read()).toBe(`[local]
base_url = "http://localhost:4800"
workflow_id = "6f1b0a9e-0000-4000-8000-000000000001"
version = "1.1.0"
visibility = "TENANT"
published_at = "2025-01-02T03:04:05.000Z"

["api.example.com"]
base_url = "http://localhost:4800"
workflow_id = "6f1b0a9e-0000-4000-8000-000000000001"
version = "0.9.0"
visibility = "TENANT"
published_at = "2025-01-02T03:04:05.000Z"
`);
    expect(await readdir(dir)).toEqual(['deployments.toml']);
  });

  test('nests the workflows of a project of several', async () => {
    const { dir, read } = await ledger();
    await recordDeployment(dir, { ...DEPLOYMENT, multi: true });
    await recordDeployment(dir, { ...DEPLOYMENT, multi: true, workflow: 'other', version: '2.0.0' });
    expect(await read()).toMatch(/^\[local\.demo\]\n[^[]*\n\n\[local\.other\]\n/);
    const entries = await readLedger(dir);
    expect(entries.map(({ workflow, version }) => [workflow, version])).toEqual([
      ['demo', '1.0.0'],
      ['other', '2.0.0'],
    ]);
    expect(findDeployment(entries, { env: 'local', workflow: 'other' })?.version).toBe('2.0.0');
    expect(findDeployment(entries, { env: 'elsewhere', workflow: 'other' })).toBeUndefined();
  });

  test('keeps comments, order, spacing, own keys and CRLF', async () => {
    const before =
      '# Ours\r\n[local]   # mine\r\nversion   =  \'0.1.0\'  # bump\r\nnote = "hand written"\r\n\r\n# next\r\n[prod]\r\nversion = "7.0.0"\r\n';
    const { dir, read } = await ledger(before);
    await recordDeployment(dir, DEPLOYMENT);
    expect(await read()).toBe(
      '# Ours\r\n[local]   # mine\r\nversion   =  "1.0.0"  # bump\r\nnote = "hand written"\r\n' +
        'base_url = "http://localhost:4800"\r\nworkflow_id = "6f1b0a9e-0000-4000-8000-000000000001"\r\n' +
        'visibility = "TENANT"\r\npublished_at = "2025-01-02T03:04:05.000Z"\r\n\r\n# next\r\n[prod]\r\nversion = "7.0.0"\r\n',
    );
  });

  test.each([
    ['[local', /^deployments\.toml:1:\d+ is not valid TOML/],
    ['local = 5\n', /^deployments\.toml:1:1 `local` is not a table of its own — write it as \[local\]/],
    ['x = 1\nlocal = { version = "1" }\n', /^deployments\.toml:2:1 `local` is not a table of its own/],
  ])('refuses %j and leaves it as it is', async (text, problem) => {
    const { dir, read } = await ledger(text);
    await expect(recordDeployment(dir, DEPLOYMENT)).rejects.toMatchObject({
      problems: [expect.stringMatching(problem)],
    });
    expect(await read()).toBe(text);
  });
});

test('reading finds nothing in no ledger, and leaves out tables that are no deployments', async () => {
  const { dir } = await ledger();
  expect(await readLedger(dir)).toEqual([]);
  await writeFile(
    path.join(dir, 'deployments.toml'),
    'a = 1\n[notes]\ntext = "x"\n[local]\nversion = "1.0.0"\n',
  );
  expect(await readLedger(dir)).toEqual([]);
});

test('the environment is the host of the API', () => {
  expect(envFromUrl('http://localhost:4800/api')).toBe('localhost:4800');
  expect(envFromUrl('https://api.example.com')).toBe('api.example.com');
});

describe('an edit of any ledger (1)', () => {
  const key = fc.oneof(fc.stringMatching(/^[a-z_]{1,6}$/), fc.string({ minLength: 1, maxLength: 6 }));
  const value = fc.string({ unit: 'binary', maxLength: 12 }).filter((text) => !/\p{Surrogate}/u.test(text));
  const line = fc.oneof(
    fc.constantFrom('', '# note', '  # "quoted" [not.a.table]', '\t'),
    fc
      .tuple(fc.stringMatching(/^[a-z]{1,4}$/), value)
      .map(([name, text]) => `k${name} = ${JSON.stringify(text).replaceAll('\u007f', '\\u007F')} # c`),
    fc.stringMatching(/^[a-z]{1,4}$/).map((name) => `m${name} = """\nversion = "no"\n[local]\n"""`),
    fc.stringMatching(/^[a-z]{1,4}$/).map((name) => `a${name} = [ # list\n  "x", [1, 2],\n]`),
  );
  const table = fc.tuple(
    fc.constantFrom('[local]', '[prod]', '[local.demo]', '[ "api.x" ]'),
    fc.array(line, { maxLength: 4 }),
  );
  const source = fc
    .tuple(fc.array(table, { maxLength: 4 }), fc.constantFrom('\n', '\r\n'), fc.boolean())
    .map(([tables, lineEnd, ends]) => {
      const text = tables.flatMap(([header, lines]) => [header, ...lines]).join('\n') + (ends ? '\n' : '');
      return text.replaceAll('\n', lineEnd);
    });

  test('parses back with the value set, all else equal, and every comment kept', () => {
    fc.assert(
      fc.property(source, key, value, (text, name, set) => {
        let before: Record<string, unknown>;
        try {
          before = parse(text);
        } catch {
          return fc.pre(false);
        }
        const local = before['local'] as Record<string, unknown> | undefined;
        fc.pre(name !== '__proto__' && !(local && typeof local[name] === 'object'));
        const edited = setKeys(text, ['local'], { [name]: set });
        const after = parse(edited);
        expect(after).toEqual({ ...before, local: { ...local, [name]: set } });
        expect(edited.match(/# (note|c|list)/g)).toEqual(text.match(/# (note|c|list)/g));
        expect(setKeys(edited, ['local'], { [name]: set })).toBe(edited);
      }),
      { numRuns: 1000 },
    );
  });

  test('recording in any ledger: the deployment is there, every other one and every comment as it was', async () => {
    const { dir, read } = await ledger();
    const name = fc.stringMatching(/^[a-z][a-z0-9_-]{0,8}$/);
    const deployment = fc.record({
      env: fc.oneof(fc.constantFrom('local', 'prod', 'api.example.com:8443'), name),
      workflow: name,
      version: fc.constantFrom('1.0.0', '2.1.0-rc.1'),
      multi: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(source, fc.array(deployment, { minLength: 1, maxLength: 3 }), async (text, given) => {
        await writeFile(path.join(dir, 'deployments.toml'), text);
        for (const one of given) {
          const recorded: Deployment = { ...DEPLOYMENT, ...one };
          const before = await readLedger(dir).catch(() => undefined);
          const written = await read();
          const failed = await recordDeployment(dir, recorded).catch((error: unknown) => error);
          const after = await read();
          if (failed !== undefined) {
            // Refused: no TOML, or something else is where the deployment belongs.
            expect(after).toBe(written);
            continue;
          }
          const place = recorded.multi ? recorded.workflow : null;
          const others = (entries: Awaited<ReturnType<typeof readLedger>>) =>
            entries.filter((entry) => entry.env !== recorded.env || entry.workflow !== place);
          const entries = await readLedger(dir);
          expect(entries).toContainEqual(
            expect.objectContaining({ env: recorded.env, workflow: place, version: recorded.version }),
          );
          expect(others(entries)).toEqual(others(before!));
          expect(after.match(/# (note|c|list|"quoted)/g)).toEqual(written.match(/# (note|c|list|"quoted)/g));
        }
      }),
      { numRuns: 200 },
    );
  });
});
