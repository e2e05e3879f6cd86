import { describe, expect, it } from 'vitest';
import { parseSettings, type GitLayout } from './shell-git.js';
import { mountWords, workspaceMounts, type MountRequest } from './shell-mounts.js';
import { KeptOutput } from './shell-output.js';

/** What of a workspace is mounted, by its invariants. One line each: `write /w`. */
function told(request: Partial<MountRequest>): string[] {
  const mounts = workspaceMounts({ root: '/w', writable: [], denied: [], git: undefined, ...request });
  return mounts.map(({ path, mode }) => `${mode} ${path}`);
}

const repository: GitLayout = {
  gitDir: '/w/.git',
  commonDir: '/w/.git',
  held: ['/w/.git/config', '/w/.git/hooks'],
};
const worktree: GitLayout = {
  gitDir: '/r/.git/worktrees/t',
  commonDir: '/r/.git',
  held: ['/w/.git', '/r/.git/config', '/r/.git/worktrees', '/r/.git/worktrees/t/commondir'],
};
const OWN = 'hidden-folder /w/.pugi';

describe('a workspace', () => {
  it('is read alone, unless something may be written', () => {
    expect(told({})).toEqual(['read /w', OWN]);
    expect(told({ git: repository })).toContain('read /w/.git');
    expect(told({ writable: [''] })).toEqual(['write /w', OWN]);
  });

  it('is written where that is allowed', () => {
    expect(told({ writable: ['src/a', 'docs'] })).toEqual([
      'read /w',
      OWN,
      'write /w/docs',
      'write /w/src/a',
    ]);
  });

  it('hides what is denied, and mounts nothing in it again (invariant 1)', () => {
    const denied = [
      { path: 'src/x', isFolder: true },
      { path: 'key', isFolder: false },
    ];
    expect(told({ writable: ['', 'src/x', 'src/x/y'], denied })).toEqual([
      'write /w',
      OWN,
      'hidden-file /w/key',
      'write /w/src',
      'hidden-folder /w/src/x',
    ]);
    expect(told({ writable: ['src'], denied: [{ path: '', isFolder: true }], git: repository })).toEqual([
      'hidden-folder /w',
    ]);
  });

  it('has git’s own, but not what git runs programs by (invariant 2)', () => {
    expect(told({ writable: [''], git: repository })).toEqual([
      'write /w',
      'write /w/.git',
      'read /w/.git/config',
      'read /w/.git/hooks',
      OWN,
    ]);
    expect(told({ writable: [''], git: worktree })).toEqual([
      'write /r/.git',
      'read /r/.git/config',
      'read /r/.git/worktrees',
      'write /r/.git/worktrees/t',
      'read /r/.git/worktrees/t/commondir',
      'write /w',
      'read /w/.git',
      OWN,
    ]);
  });

  it('holds every folder above what is held, and none that cannot be renamed (invariant 3)', () => {
    const denied = [{ path: 'a/b/c/key', isFolder: false }];
    expect(told({ writable: [''], denied })).toEqual(
      expect.arrayContaining(['write /w/a', 'write /w/a/b', 'write /w/a/b/c']),
    );
    expect(told({ writable: ['a/b'], denied })).toEqual([
      'read /w',
      OWN,
      'write /w/a/b',
      'write /w/a/b/c',
      'hidden-file /w/a/b/c/key',
    ]);
  });

  it('is mounted at its own place', () => {
    expect(
      mountWords([
        { path: '/w', mode: 'write' },
        { path: '/w/x', mode: 'hidden-file' },
      ]),
    ).toEqual(['--bind', '/w', '/w', '--ro-bind', '/dev/null', '/w/x']);
  });
});

it('settings of git are read as far as they name files', () => {
  const text =
    '[core]\n\thooksPath = .husky\n[includeIf "gitdir:~/x"]\n\tpath = "a b"\n[Extensions] worktreeConfig\n';
  expect(parseSettings(text)).toEqual([
    { name: 'core.hookspath', value: '.husky' },
    { name: 'includeif.path', value: 'a b' },
    { name: 'extensions.worktreeconfig', value: 'true' },
  ]);
});

describe('output', () => {
  const kept = (maxBytes: number, ...chunks: string[]) => {
    const output = new KeptOutput(maxBytes);
    for (const chunk of chunks) output.push(Buffer.from(chunk));
    const { output: bytes, omitted } = output.take();
    return [bytes.toString(), omitted];
  };

  it('is whole as long as it fits', () => {
    expect(kept(10)).toEqual(['', undefined]);
    expect(kept(10, 'abcde', 'fghij')).toEqual(['abcdefghij', undefined]);
  });

  it('has its head and its tail otherwise, however it comes', () => {
    const whole = 'abcdefghijklmnopqrstuvwxyz';
    const wanted = ['abcdevwxyz', { bytes: 16, at: 5 }];
    expect(kept(10, whole)).toEqual(wanted);
    expect(kept(10, ...whole)).toEqual(wanted);
    expect(kept(10, 'abc', 'defghijklmnop', 'qrstuvwx', 'yz')).toEqual(wanted);
  });
});
