import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ceilingOf, type CeilingRequest } from '../permissions/ceiling.js';
import { PermissionEngine } from '../permissions/decide.js';
import { type Effect } from '../permissions/effects.js';
import { printable } from './bash.js';
import { CallJournal, NothingDone } from './journal.js';
import { grantsOf, shellPathsOf } from './shell.js';
import { ToolError } from './tool-error.js';
import { functionSchemas, judge } from './toolbox.js';
import { Workspace } from './workspace.js';

/** What a command line is given, before any is run; and the journal's invariant 3. */
let root: string;
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'pegasus-bash-paths-')));
  for (const folder of ['src/private', 'docs', 'node_modules/x'])
    await mkdir(join(root, folder), { recursive: true });
  for (const file of ['src/a.ts', 'src/a.pem', 'node_modules/x/b.pem', 'docs/c'])
    await writeFile(join(root, file), '');
  await symlink('src', join(root, 'link'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const ceiling = (request: Partial<CeilingRequest>) =>
  ceilingOf({ permissionMode: 'auto', isolation: 'worktree', attended: true, ...request });
const paths = (request: Partial<CeilingRequest>, mayWrite = true) =>
  shellPathsOf(root, ceiling(request), new PermissionEngine(ceiling(request)), mayWrite);

describe('paths of a command', () => {
  it('are all of the workspace, unless the task says otherwise', async () => {
    expect(await paths({})).toEqual({ writable: [''], denied: [] });
    expect(await paths({}, false)).toEqual({ writable: [], denied: [] });
  });

  it('are those that the patterns cover now, the outermost alone', async () => {
    expect(await paths({ deniedPaths: ['**/*.pem', 'src/private', 'src/private/x', 'nowhere'] })).toEqual({
      writable: [''],
      denied: ['node_modules/x/b.pem', 'src/a.pem', 'src/private'],
    });
    expect((await paths({ allowedPaths: ['docs', 'src/*.ts', 'nowhere'] })).writable).toEqual([
      'docs',
      'src/a.ts',
    ]);
  });

  it('are never those of links', async () => {
    expect(await paths({ deniedPaths: ['link/private'], allowedPaths: ['link'] })).toEqual({
      writable: [],
      denied: [],
    });
  });

  it('are bounded', async () => {
    await Promise.all(Array.from({ length: 301 }, (_, n) => writeFile(join(root, `docs/${n}.pem`), '')));
    await expect(paths({ deniedPaths: ['**/*.pem'] })).rejects.toMatchObject({ code: 'TOO_LARGE' });
  });
});

describe('what a command is granted', () => {
  const reads: Effect[] = [{ kind: 'bash' }];
  const runs: Effect[] = [{ kind: 'bash' }, { kind: 'execute', program: 'npm' }];
  const calls: Effect[] = [...runs, { kind: 'network', host: 'x' }];
  it.each([
    ['plan', reads, { write: false, network: false }],
    ['ask', reads, { write: false, network: false }],
    ['ask', runs, { write: true, network: false }],
    ['auto', reads, { write: true, network: false }],
    ['auto', calls, { write: true, network: true }],
    ['bypassPermissions', reads, { write: true, network: true }],
  ] as const)('in mode %s, with %j: %j', (permissionMode, effects, wanted) =>
    expect(grantsOf(ceiling({ permissionMode }), effects)).toEqual(wanted),
  );
});

describe('what is done at most once (invariant 3 of the journal)', () => {
  const journal = (): CallJournal => new CallJournal(join(root, 'journal'));
  const outcome = { text: 'done', filesChanged: ['a'] };

  it('is not done again, and says what it said', async () => {
    expect(await journal().once('c', 'it', async () => outcome)).toEqual(outcome);
    expect(await journal().once('c', 'it', () => Promise.reject(new Error('again')))).toEqual(outcome);
  });

  it('is an error for good when nobody knows how far it came', async () => {
    await expect(journal().once('c', 'it', () => Promise.reject(new Error('crash')))).rejects.toThrow(
      'crash',
    );
    for (const _ of [1, 2])
      await expect(journal().once('c', 'it', async () => outcome)).rejects.toMatchObject({
        code: 'INTERRUPTED',
      });
  });

  it('is made again when certainly nothing was done, and when it is something else', async () => {
    const nothing = new NothingDone(new ToolError('NO_SANDBOX', 'No.'));
    await expect(journal().once('c', 'it', () => Promise.reject(nothing))).rejects.toMatchObject({
      code: 'NO_SANDBOX',
    });
    expect(await journal().once('c', 'it', async () => outcome)).toEqual(outcome);
    const other = { text: 'other', filesChanged: [] };
    expect(await journal().once('c', 'something else', async () => other)).toEqual(other);
  });
});

it('there is no bash and no fetch without what they need', async () => {
  expect(functionSchemas(['bash', 'fetch'])).toEqual([]);
  const fetcher = { fetch: () => Promise.reject(new Error('never called')) };
  expect(functionSchemas(['bash', 'fetch'], { fetcher })).toMatchObject([{ function: { name: 'fetch' } }]);
  const context = {
    workspace: new Workspace(root),
    permissions: new PermissionEngine(ceiling({})),
    journal: new CallJournal(join(root, 'journal')),
    reads: {},
    callId: 'c',
    signal: new AbortController().signal,
  };
  await expect(judge('bash', '{"command":"true"}', context)).rejects.toThrow(/^There is no sandbox here/);
});

it('output is made readable', () => {
  expect(printable(Buffer.from('\x1b[31mred\x1b[0m\r\n10%\r20%\n\0\x07é'))).toBe(
    'red\n10%\n20%\n\\x00\\x07é',
  );
});
