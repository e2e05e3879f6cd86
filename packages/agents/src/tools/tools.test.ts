import { execFileSync } from 'node:child_process';
import {
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AGENT_TOOLS } from '@pegasus-workflows/contracts/agents';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ceilingOf, type CeilingRequest } from '../permissions/ceiling.js';
import { PermissionEngine } from '../permissions/decide.js';
import { CallJournal } from './journal.js';
import { functionSchemas, judge, type JudgedCall } from './toolbox.js';
import { type ToolContext, type ToolResult } from './tool.js';
import { Workspace } from './workspace.js';

/** Tools on files: `files.ts` and `search.ts`; the workspace's invariants by number. */
let folder: string;
let root: string;
let context: ToolContext;
let calls: number;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'pegasus-tools-')));
  root = join(folder, 'work');
  await mkdir(join(root, 'src/private'), { recursive: true });
  await mkdir(join(folder, 'outside'));
  await writeFile(join(root, 'src/a.ts'), 'one\ntwo\nthree\n');
  await writeFile(join(root, 'src/private/key'), 'one secret\n');
  await writeFile(join(folder, 'outside/a.ts'), 'one outside\n');
  calls = 0;
  context = contextOf({});
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function contextOf(more: Partial<CeilingRequest>): ToolContext {
  const ceiling = ceilingOf({
    permissionMode: 'acceptEdits',
    isolation: 'worktree',
    attended: true,
    ...more,
  });
  return {
    workspace: new Workspace(root),
    permissions: new PermissionEngine(ceiling),
    journal: new CallJournal(join(folder, 'journal')),
    reads: {},
    callId: 'c',
    signal: new AbortController().signal,
  };
}

/** Judges a call and makes it; what was read is known to the next one. */
async function call(name: string, input: object, callId = `c${calls++}`): Promise<ToolResult> {
  context = { ...context, callId };
  const result = await (await judge(name, JSON.stringify(input), context)).run();
  context = { ...context, reads: result.reads };
  return result;
}
const text = (path: string): Promise<string> => readFile(join(root, path), 'utf8');
const leftovers = async (path: string): Promise<string[]> =>
  (await readdir(join(root, path))).filter((name) => name.startsWith('.pugi'));

describe('read', () => {
  it('numbers the lines, and says how to read on', async () => {
    expect((await call('read', { path: 'src/a.ts' })).text).toBe('1\tone\n2\ttwo\n3\tthree\n4\t');
    expect((await call('read', { path: 'src/a.ts', offset: 2, limit: 1 })).text).toBe(
      '2\ttwo\n(2 more lines; read on with offset 3)',
    );
  });

  it('answers with so much of a long file, and of a long line', async () => {
    await writeFile(join(root, 'long'), `${'x'.repeat(5_000)}\n${'y\n'.repeat(5_000)}`);
    const { text } = await call('read', { path: 'long' });
    expect(text.split('\n')).toHaveLength(2_001);
    expect(text.split('\n')[0]).toHaveLength(2_003);
  });

  it.each([
    ['nothing', 'none', 'NO_FILE'],
    ['a folder', 'src', 'NO_FILE'],
    ['the root', '.', 'NO_FILE'],
    ['a file of no folder', 'x/y/z', 'NO_FILE'],
    ['what is outside', '../outside/a.ts', 'NO_FILE'],
    ['a pipe', 'pipe', 'NO_FILE'],
    ['bytes that are no text', 'bytes', 'BINARY'],
    ['half a letter', 'half', 'BINARY'],
    ['a large file', 'large', 'TOO_LARGE'],
  ])('reads not %s', async (_, path, code) => {
    execFileSync('mkfifo', [join(root, 'pipe')]);
    await writeFile(join(root, 'bytes'), Buffer.from([1, 0, 2]));
    await writeFile(join(root, 'half'), Buffer.from([0xc3]));
    await writeFile(join(root, 'large'), Buffer.alloc(6 * 1024 * 1024, 'x'));
    await expect(call('read', { path })).rejects.toMatchObject({ name: 'ToolError', code });
  });
});

describe('write', () => {
  it('makes a file, with its folders, and says which one', async () => {
    const { filesChanged } = await call('write', { path: 'new/deep/b.ts', content: 'x' });
    expect([filesChanged, await text('new/deep/b.ts')]).toEqual([['new/deep/b.ts'], 'x']);
  });

  it('replaces a file that was read, with its mode, and leaves nothing else (invariant 2)', async () => {
    execFileSync('chmod', ['755', join(root, 'src/a.ts')]);
    await call('read', { path: 'src/a.ts' });
    await call('write', { path: 'src/a.ts', content: 'new' });
    expect(await text('src/a.ts')).toBe('new');
    expect((await stat(join(root, 'src/a.ts'))).mode & 0o777).toBe(0o755);
    expect(await leftovers('src')).toEqual([]);
    // What it wrote, it knows.
    await call('write', { path: 'src/a.ts', content: 'newer' });
  });

  it('replaces no file that was not read, or that has changed since', async () => {
    await expect(call('write', { path: 'src/a.ts', content: 'x' })).rejects.toThrow(
      'Read "src/a.ts" before you change it.',
    );
    await call('read', { path: 'src/a.ts' });
    await writeFile(join(root, 'src/a.ts'), 'somebody else');
    await expect(call('write', { path: 'src/a.ts', content: 'x' })).rejects.toMatchObject({ code: 'STALE' });
    expect(await text('src/a.ts')).toBe('somebody else');
  });

  it('cuts a file off from its other names', async () => {
    await link(join(root, 'src/a.ts'), join(folder, 'outside/same'));
    await call('read', { path: 'src/a.ts' });
    await call('write', { path: 'src/a.ts', content: 'mine' });
    expect(await readFile(join(folder, 'outside/same'), 'utf8')).toBe('one\ntwo\nthree\n');
  });
});

describe('edit', () => {
  beforeEach(() => call('read', { path: 'src/a.ts' }));
  const edit = (old: string, replacement: string, more = {}): Promise<ToolResult> =>
    call('edit', { path: 'src/a.ts', old_string: old, new_string: replacement, ...more });

  it('replaces text that is there once', async () => {
    await edit('two\n', '2\r\n$&');
    expect(await text('src/a.ts')).toBe('one\n2\r\n$&three\n');
  });
  it('replaces all of it when it is told to', async () => {
    await edit('e', 'E', { replace_all: true });
    expect(await text('src/a.ts')).toBe('onE\ntwo\nthrEE\n');
  });
  it.each([
    ['four', 'x', 'NO_MATCH', /is not in the file/],
    ['e', 'x', 'NO_MATCH', /there 3 times/],
    ['two', 'two', 'BAD_ARGUMENTS', /are the same/],
  ])('refuses %j for %j', async (old, replacement, code, message) => {
    const refused = await edit(old, replacement).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(await text('src/a.ts')).toBe('one\ntwo\nthree\n');
  });

  it('does all of several changes, or none', async () => {
    const edits = (last: string): object => ({
      path: 'src/a.ts',
      edits: [
        { old_string: 'one', new_string: '1' },
        { old_string: last, new_string: '2' },
      ],
    });
    await expect(call('multi_edit', edits('four'))).rejects.toThrow(/^edit 2: old_string is not in the file/);
    expect(await text('src/a.ts')).toBe('one\ntwo\nthree\n');
    expect((await call('multi_edit', edits('two'))).text).toBe('src/a.ts is changed in 2 places.');
    expect(await text('src/a.ts')).toBe('1\n2\nthree\n');
  });
});

describe('a call that is made again', () => {
  it('does nothing twice, and says what it said', async () => {
    await call('read', { path: 'src/a.ts' });
    const before = context;
    const input = { path: 'src/a.ts', old_string: 'two', new_string: 'two two' };
    const first = await call('edit', input, 'same');
    // The dispatch does not know that it was made: it has what it had before.
    context = before;
    expect(await call('edit', input, 'same')).toEqual(first);
    expect(await text('src/a.ts')).toBe('one\ntwo two\nthree\n');
  });

  it('is made when it was only noted', async () => {
    await call('read', { path: 'src/a.ts' });
    const before = context;
    const input = { path: 'src/a.ts', old_string: 'two', new_string: '2' };
    await call('edit', input, 'same');
    await writeFile(join(root, 'src/a.ts'), 'one\ntwo\nthree\n');
    context = before;
    await call('edit', input, 'same');
    expect(await text('src/a.ts')).toBe('one\n2\nthree\n');
  });

  it('is refused when the file is neither what it was nor what it was to be', async () => {
    await call('read', { path: 'src/a.ts' });
    const before = context;
    const input = { path: 'src/a.ts', old_string: 'two', new_string: '2' };
    await call('edit', input, 'same');
    await writeFile(join(root, 'src/a.ts'), 'two');
    context = before;
    await expect(call('edit', input, 'same')).rejects.toMatchObject({ code: 'STALE' });
  });
});

describe('what changes between the judgement and the call (invariant 1)', () => {
  const judged = (name: string, input: object): Promise<JudgedCall> =>
    judge(name, JSON.stringify(input), context);
  const changes: [string, () => Promise<void>][] = [
    [
      'the folder, for a link to the outside',
      async () => {
        await rename(join(root, 'src'), join(root, 'old'));
        await symlink('../outside', join(root, 'src'));
      },
    ],
    [
      'the folder, for a link to another one of the workspace',
      async () => {
        await rename(join(root, 'src'), join(root, 'old'));
        await symlink('old/private', join(root, 'src'));
      },
    ],
    [
      'the folder, for a file',
      async () => {
        await rename(join(root, 'src'), join(root, 'old'));
        await writeFile(join(root, 'src'), '');
      },
    ],
  ];

  it.each(changes)('%s: nothing is read', async (_, change) => {
    const { run, decision } = await judged('read', { path: 'src/a.ts' });
    expect(decision.verdict).toBe('allow');
    await change();
    await expect(run()).rejects.toMatchObject({ code: 'CHANGED' });
  });

  it.each(changes)('%s: nothing is written', async (_, change) => {
    const { run } = await judged('write', { path: 'src/new/b.ts', content: 'x' });
    await change();
    await expect(run()).rejects.toMatchObject({ code: 'CHANGED' });
    expect(await readdir(join(folder, 'outside'))).toEqual(['a.ts']);
    expect(await readdir(join(root, 'old/private'))).toEqual(['key']);
  });

  it('the file itself, for a link: it is not read', async () => {
    const { run } = await judged('read', { path: 'src/a.ts' });
    await rm(join(root, 'src/a.ts'));
    await symlink('private/key', join(root, 'src/a.ts'));
    await expect(run()).rejects.toMatchObject({ code: 'CHANGED' });
  });

  it('what was to be a new file, for a link: where it leads to is not written', async () => {
    const { run } = await judged('write', { path: 'src/b.ts', content: 'x' });
    await symlink('private/key', join(root, 'src/b.ts'));
    await expect(run()).rejects.toMatchObject({ code: 'CHANGED' });
    expect(await text('src/private/key')).toBe('one secret\n');
  });
});

describe('searches', () => {
  it('find lines in files that may be read, and no others', async () => {
    context = contextOf({ deniedPaths: ['src/private'] });
    await symlink('../../outside', join(root, 'src/out'));
    expect((await call('grep', { pattern: 'o(ne|utside)' })).text).toBe('src/a.ts:1:one');
    expect((await call('glob', { pattern: '**' })).text).toBe('src/a.ts');
    expect(
      (await call('grep', { pattern: 'ONE', path: 'src', ignore_case: true, glob: '**/*.ts' })).text,
    ).toBe('src/a.ts:1:one');
    expect((await call('grep', { pattern: 'one', path: 'src/a.ts' })).text).toBe('src/a.ts:1:one');
  });

  it('say when there is nothing', async () => {
    expect((await call('grep', { pattern: 'zzz' })).text).toBe('Nothing was found.');
    expect((await call('glob', { pattern: '*.rs' })).text).toBe('Nothing was found.');
  });

  it('look into no repository’s own folder and no text that is none', async () => {
    await mkdir(join(root, '.git'));
    await writeFile(join(root, '.git/config'), 'one');
    await writeFile(join(root, 'bytes'), Buffer.from('one\0'));
    expect((await call('grep', { pattern: 'one' })).text).toBe(
      'src/a.ts:1:one\nsrc/private/key:1:one secret',
    );
  });

  it('tell so many lines and no more', async () => {
    await writeFile(join(root, 'many'), 'match\n'.repeat(1_000));
    const lines = (await call('grep', { pattern: 'match' })).text.split('\n');
    expect([lines.length, lines.at(-1)]).toEqual([201, '(more than 200 lines; search for less)']);
  });

  it('take a pattern that would make another engine search for ever', async () => {
    await writeFile(join(root, 'slow'), `${'a'.repeat(5_000)}!\n`);
    expect((await call('grep', { pattern: '(a+)+$', path: 'slow' })).text).toBe('Nothing was found.');
  });

  it('refuse what is no pattern', async () => {
    await expect(call('grep', { pattern: '(' })).rejects.toMatchObject({ code: 'BAD_ARGUMENTS' });
    await expect(call('grep', { pattern: '(a)\\1' })).rejects.toMatchObject({ code: 'BAD_ARGUMENTS' });
  });
});

describe('a call', () => {
  it.each([
    ['remove', '{}', 'There is no tool "remove".'],
    ['read', '{"path":', 'The arguments are no JSON; write them again, as one object.'],
    ['read', '{}', 'path: is required.'],
    ['read', '', 'path: is required.'],
    ['read', '[]', 'the arguments: expected object, received array.'],
    ['read', '{"path":"a","line":1}', 'the arguments: unknown field "line".'],
    ['edit', '{"path":"a","old_string":"","new_string":"x"}', /^old_string: /],
  ])('%s with %s is refused by a sentence', async (name, argument, message) => {
    await expect(judge(name, argument, context)).rejects.toThrow(message);
  });

  it('is judged by what it would do', async () => {
    context = contextOf({ permissionMode: 'plan' });
    const { decision } = await judge('write', '{"path":"a","content":""}', context);
    expect(decision).toMatchObject({ verdict: 'deny', rule: 'mode:plan' });
  });
});

it('tools are told to a model as functions with the schema of their arguments', () => {
  const schemas = functionSchemas(AGENT_TOOLS) as { function: { name: string; parameters: object } }[];
  expect(schemas.map((one) => one.function.name)).toEqual([
    'read',
    'write',
    'edit',
    'multi_edit',
    'grep',
    'glob',
  ]);
  expect(schemas[0]!.function.parameters).toMatchObject({
    type: 'object',
    required: ['path'],
    additionalProperties: false,
    properties: { path: { type: 'string', description: expect.any(String) } },
  });
  expect(functionSchemas(['glob'])).toHaveLength(1);
});
