import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { link, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/wait.js';
import { git, Place, realShell, run, type OpenedShell } from './support/bash-cell.js';

/** Command lines of agents in the real sandbox, by its invariants; as root with bubblewrap, which is installed on Debian. */
const CALLER = fileURLToPath(new URL('./support/bash-caller.mjs', import.meta.url));

let shell: OpenedShell;
let server: Server;
let port: number;
beforeAll(async () => {
  server = createServer((_request, response) => response.end('from outside')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
  shell = await realShell(`127.0.0.1:${port}`);
});
afterAll(async () => {
  await shell?.close();
  server.close();
});

let place: Place;
let root: string;
beforeEach(async () => {
  place = await Place.make();
  ({ root } = place);
});
afterEach(() => place.remove());

/** Whether any process of this machine has a word in its command line. */
async function isRunning(word: string): Promise<boolean> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (line.split('\0').includes(word)) return true;
  }
  return false;
}

describe('git', () => {
  it('works in a repository', async () => {
    const { text, exitCode } = await run(
      shell,
      root,
      'echo b > b && git add b && git commit -qm two && git branch other && git switch -q other && git stash list && git status --short && git log --format=%s',
    );
    expect([text, exitCode]).toEqual(['two\nbegin', 0]);
    expect(git(root, 'log', '--format=%s %an', '-1')).toBe('two Pegasus agent');
  });

  it('works in a linked worktree, and leaves the workspace that it is of alone', async () => {
    const tree = join(place.folder, 'tree');
    git(root, 'worktree', 'add', '-q', '-b', 'task', tree);
    const { text } = await run(
      shell,
      tree,
      'echo b > b && git add b && git commit -qm two && git status --short && git log --format=%s && git stash -q; git branch -d main 2>&1 | head -1',
    );
    expect(text).toMatch(/^two\nbegin/);
    expect(git(root, 'log', '--format=%s', 'task')).toBe('two\nbegin');
    expect(git(root, 'status', '--short', '-uno')).toBe('');
    const attacks = await run(
      shell,
      tree,
      `cd ${root}; echo x > .git/HEAD; echo x > .git/index; echo x >> .git/config; echo x > .git/hooks/x; cd ${tree};
       echo x > .git; d=$(git rev-parse --git-dir); echo /tmp > $d/commondir; echo x > $d/gitdir; mv ${root}/.git/worktrees ${root}/.git/w; cat ${root}/src/a.txt`,
    );
    expect(attacks.text.split('\n')).toHaveLength(9);
    expect(attacks.text.match(/Read-only file system|Device or resource busy|No such file/g)).toHaveLength(9);
    expect(git(root, 'status', '--short', '-uno')).toBe('');
  });

  it('is given nothing to run: hooks and settings are as they were', async () => {
    await place.write('.husky/pre-commit', 'true\n');
    git(root, 'config', 'core.hooksPath', '.husky');
    const config = await readFile(join(root, '.git/config'), 'utf8');
    const attempts = [
      'echo x > .git/hooks/post-commit',
      'rm -rf .git/hooks',
      'mv .git/hooks .git/away',
      'echo x >> .git/config',
      'git config alias.st "!true"',
      'rm .git/config',
      'mv .git away',
      'rm -rf .git',
      'echo x > .husky/pre-commit',
      'mv .husky away',
    ];
    for (const attempt of attempts) expect((await run(shell, root, attempt)).exitCode, attempt).not.toBe(0);
    expect(await readFile(join(root, '.git/config'), 'utf8')).toBe(config);
    expect(await readFile(join(root, '.husky/pre-commit'), 'utf8')).toBe('true\n');
    expect(existsSync(join(root, '.git/hooks/post-commit'))).toBe(false);
  });

  it('is not led elsewhere by a file that a command puts into its folder', async () => {
    await run(shell, root, 'mkdir evil && echo ../evil > .git/commondir');
    expect(existsSync(join(root, '.git/commondir'))).toBe(false);
    await writeFile(join(root, '.git/commondir'), '../evil\n');
    await expect(run(shell, root, 'true')).rejects.toThrow(/has a file commondir/);
  });

  it('has no repository where .git names a folder that does not know of it', async () => {
    const other = join(place.folder, 'other');
    await mkdir(other);
    git(other, 'init', '-q');
    await rm(join(root, '.git'), { recursive: true });
    await writeFile(join(root, '.git'), `gitdir: ${other}/.git\n`);
    expect((await run(shell, root, `ls ${other}/.git`)).exitCode).not.toBe(0);
  });
});

describe('files (invariant 2)', () => {
  it('of the host and of other workspaces are not there', async () => {
    await mkdir(join(place.folder, 'neighbour'));
    await writeFile(join(place.folder, 'neighbour/secret'), 'x');
    await symlink('../neighbour/secret', join(root, 'out'));
    const paths = ['/etc/shadow', '/root', '/var', '/run', '../neighbour', 'out', `/proc/${process.pid}`];
    for (const path of paths)
      expect((await run(shell, root, `ls -L ${path}`)).text, path).toMatch(/No such file or directory/);
    expect((await run(shell, root, 'ls /home; ls -A ~ /tmp; whoami')).text).toMatch(/worker/);
  });

  it('of the dispatcher are neither read nor changed, nor is its folder moved', async () => {
    const { text } = await run(
      shell,
      root,
      'cat .pugi/events.jsonl; echo x >> .pugi/events.jsonl; echo x > .pugi/new; mv .pugi away; rm -rf .pugi; ls -A .pugi',
    );
    expect(text).not.toContain('the log');
    expect(await readFile(join(root, '.pugi/events.jsonl'), 'utf8')).toBe('the log\n');
    expect(await readdir(join(root, '.pugi'))).toEqual(['events.jsonl']);
  });

  it('that are denied are hidden, and their folders stay where they are', async () => {
    await place.write('src/private/key', 'secret\n');
    await place.write('src/private/deep/key', 'secret\n');
    await place.write('conf/x.pem', 'secret\n');
    await symlink('private/key', join(root, 'src/link'));
    const request = { deniedPaths: ['src/private', '**/*.pem'] };
    const say = async (command: string) => (await (await place.judged(shell, command, request)).run()).text;
    expect(await say('python3 -c "print(open(\'src/private/key\').read())"; sh -c "make x"')).not.toContain(
      'secret',
    );
    const command =
      'set -x; cat src/private/key src/link conf/x.pem src/private/deep/key; mv src away; mv conf away';
    expect((await place.judged(shell, command, request)).decision.verdict).toBe('deny');
    expect(await say(command)).not.toContain('secret');
    expect(await readdir(root)).toEqual(expect.arrayContaining(['src', 'conf']));
    expect(await readFile(join(root, 'conf/x.pem'), 'utf8')).toBe('secret\n');
  });

  it('are written only where that is allowed', async () => {
    await mkdir(join(root, 'docs'));
    const result = await (
      await place.judged(shell, 'make x; echo 1 > docs/a; echo 1 > src/new', { allowedPaths: ['docs'] })
    ).run();
    expect(result.filesChanged).toEqual(['docs/a']);
    expect(existsSync(join(root, 'src/new'))).toBe(false);
  });

  it('are not written at all where nothing may be', async () => {
    const call = await place.judged(shell, 'echo 1 > new', { permissionMode: 'plan' });
    expect(call.decision).toMatchObject({ verdict: 'deny', rule: 'mode:plan' });
    expect((await call.run()).text).toMatch(/Read-only file system/);
    expect(
      (await run(shell, root, 'touch .git/x', { paths: { writable: [], denied: [] } })).exitCode,
    ).not.toBe(0);
  });

  it('that a command changes, makes and removes are told', async () => {
    await place.write('gone', '');
    await place.write('same', '');
    const { filesChanged, text } = await (
      await place.judged(shell, 'echo two >> src/a.txt; touch new; rm gone; cat same; false')
    ).run();
    expect(filesChanged).toEqual(['gone', 'new', 'src/a.txt']);
    expect(text).toBe('(no output)\nExit code 1.\nFiles changed:\ngone\nnew\nsrc/a.txt');
  });

  it('with several names are the ones of the workspace alone', async () => {
    await link(join(root, 'src/a.txt'), join(root, 'b'));
    expect((await run(shell, root, 'cat b')).text).toBe('one');
  });
});

describe('processes, environment, kernel', () => {
  it('have no secret of the platform, no capability and no descriptor', async () => {
    process.env['PEGASUS_RUNNER_TOKEN'] = 'a-secret-of-the-platform';
    const { text } = await run(
      shell,
      root,
      'cat /proc/*/environ | tr "\\0" "\\n"; cat /proc/self/status; ls /proc/self/fd | wc -l; ls -d /proc/[0-9]* | wc -l',
    );
    delete process.env['PEGASUS_RUNNER_TOKEN'];
    expect(text).not.toMatch(/a-secret-of-the-platform|PEGASUS/);
    expect(text).toMatch(/^CapEff:\s+0+$/m);
    expect(text).toMatch(/^Seccomp:\s+2$/m);
    // Input, output, error and the folder that is listed; bubblewrap's first process, bash, and what it runs.
    expect(text.split('\n').slice(-2).map(Number)).toEqual([4, expect.any(Number)]);
    expect(Number(text.split('\n').at(-1))).toBeLessThan(8);
  });

  it.each([
    // Opened for writing, and nothing written: a wall that is not there must not cost the machine its settings.
    ': >> /proc/sys/kernel/core_pattern',
    ': >> /proc/sys/vm/drop_caches',
    ': >> /proc/sys/kernel/hostname',
    ': >> /proc/sysrq-trigger',
    'unshare -U true',
    'mount -t tmpfs x /tmp',
    `kill -0 ${process.pid}`,
  ])('%s is refused', async (command) => expect((await run(shell, root, command)).exitCode).not.toBe(0));

  it('end with the command, those in a session of their own too (invariant 3)', async () => {
    const { text, durationMs } = await run(
      shell,
      root,
      'sleep 98761 & disown; setsid sleep 98762 & (setsid nohup sleep 98763 &) ; echo done',
    );
    expect(text).toBe('done');
    expect(durationMs).toBeLessThan(10_000);
    for (const word of ['98761', '98762', '98763'])
      await eventually(async () => expect(await isRunning(word)).toBe(false));
  });

  it('end with their time, and when nobody waits any more', async () => {
    const late = await run(shell, root, 'setsid sleep 98764 & echo begun; sleep 98764', { timeoutMs: 1_000 });
    expect(late).toMatchObject({ timedOut: true, exitCode: null, text: 'begun' });
    const controller = new AbortController();
    const reason = new Error('enough');
    const given = run(shell, root, 'sleep 98765', {}, controller.signal);
    await eventually(async () => expect(await isRunning('98765')).toBe(true));
    controller.abort(reason);
    await expect(given).rejects.toBe(reason);
    for (const word of ['98764', '98765'])
      await eventually(async () => expect(await isRunning(word)).toBe(false));
  });

  it('are bounded in number and memory', async () => {
    const small = await realShell('', { tasks: 40, memoryBytes: 128 * 1024 * 1024 });
    try {
      const bomb = 'for n in $(seq 200); do sleep 50 & done; echo survived';
      expect((await run(small, root, bomb, { timeoutMs: 2_000 })).text).toMatch(
        /Resource temporarily unavailable/,
      );
      const memory = await run(
        small,
        root,
        'perl -e \'my @a; push @a, "x" x 1000000 for 1..1000; print "had it"\'',
      );
      expect(memory.text).not.toContain('had it');
      expect(memory.outOfMemory).toBe(true);
    } finally {
      await small.close();
    }
  });

  it('write no more than is kept, and not for ever', async () => {
    const { output, omitted } = await run(shell, root, 'echo begin; seq 200000; echo end');
    expect(output.length).toBeLessThanOrEqual(20_000);
    expect(omitted!.bytes).toBeGreaterThan(1_000_000);
    expect(output.toString()).toMatch(/^begin[^]*end\n$/);
    expect(await run(shell, root, 'yes')).toMatchObject({ flooded: true, exitCode: null });
  });
});

describe('the network (invariant 4)', () => {
  const ask = (): string => `curl -sS -m 5 http://127.0.0.1:${port}`;

  it('has nothing in it unless it was granted', async () => {
    const { text, exitCode } = await run(shell, root, `${ask()}; cat < /dev/tcp/127.0.0.1/${port}`);
    expect(exitCode).not.toBe(0);
    expect(text).not.toContain('from outside');
  });

  it('is a way to where the policy lets, and nowhere else', async () => {
    expect((await run(shell, root, ask(), { network: true })).text).toBe('from outside');
    const closed = await realShell();
    try {
      expect((await run(closed, root, ask(), { network: true })).text).toMatch(/is refused/);
      const direct = await run(closed, root, `${ask()} --noproxy '*'`, { network: true });
      expect(direct.exitCode).not.toBe(0);
    } finally {
      await closed.close();
    }
  });

  it('is denied to a call under a ceiling without it', async () => {
    const call = await place.judged(shell, ask(), { permissionMode: 'dontAsk' });
    expect(call.decision).toMatchObject({ verdict: 'deny' });
    const hidden = await place.judged(shell, `sh -c 'x=curl; $x -sS http://127.0.0.1:${port}'`, {});
    expect((await hidden.run()).text).not.toContain('from outside');
    const approved = await place.judged(shell, ask(), {});
    expect(approved.decision.verdict).toBe('ask');
    expect((await approved.run()).text).toMatch(/^from outside\nExit code 0\./);
  });
});

describe('a process that is killed in the middle of a call', () => {
  const call = (command: string) =>
    spawn(process.execPath, [CALLER, root, join(place.folder, 'journal'), command], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  const said = async (command: string): Promise<string> => {
    let text = '';
    const child = call(command);
    child.stdout.on('data', (data: Buffer) => (text += data.toString()));
    await once(child, 'close');
    return JSON.parse(text) as string;
  };

  it('takes the command with it, which is not run again', async () => {
    const command = 'echo once >> ran; setsid sleep 98766 & sleep 98767';
    const child = call(command);
    await eventually(async () => expect(await isRunning('98767')).toBe(true));
    child.kill('SIGKILL');
    await once(child, 'close');
    for (const word of ['98766', '98767'])
      await eventually(async () => expect(await isRunning(word)).toBe(false));
    expect(await said(command)).toMatch(/^INTERRUPTED: This call was begun before/);
    expect(await readFile(join(root, 'ran'), 'utf8')).toBe('once\n');
  });

  it('says again what was done, and does not do it again', async () => {
    const command = 'echo once >> ran; cat ran';
    const first = await said(command);
    expect(first).toMatch(/^once\nExit code 0\./);
    expect(await said(command)).toBe(first);
    expect(await readFile(join(root, 'ran'), 'utf8')).toBe('once\n');
  });
});
