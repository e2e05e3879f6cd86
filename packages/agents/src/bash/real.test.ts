import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { effectsOfCommand } from './analyse.js';
import { PROGRAMS } from './programs.js';

/** Command lines that are said to read alone, run by a real bash: no file is any different afterwards. */
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pegasus-bash-'));
  mkdirSync(join(folder, 'dir'));
  for (const name of ['a', 'b', 'dir/c', '-o', '-i', 'x y', 'rm'])
    writeFileSync(join(folder, name), `${name}\nrm a\n`);
  symlinkSync('dir', join(folder, 'link'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function snapshot(at: string): string {
  const hash = createHash('sha256');
  const walk = (path: string): void => {
    const found = lstatSync(path);
    hash.update(`${path} ${found.mode} ${found.nlink}\n`);
    if (found.isFile()) hash.update(readFileSync(path));
    if (found.isDirectory()) for (const name of readdirSync(path).sort()) walk(join(path, name));
  };
  walk(at);
  return hash.digest('hex');
}

const SLOW = new Set(['sleep', 'exit']);
const program = fc.constantFrom(
  ...Object.keys(PROGRAMS).filter((name) => !SLOW.has(name)),
  'sed',
  'find',
  'command',
);
const word = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    'dir',
    'dir/c',
    'link/c',
    'new',
    './*',
    '*',
    '"x y"',
    "'$(rm a)'",
    '"$(rm a)"',
    '$x',
    '$(echo -o)',
  ),
  fc.constantFrom(
    '-n',
    '-i',
    '-o',
    '-r',
    '-e',
    '-v',
    '-p',
    '-d',
    '-delete',
    '-name',
    '-exec',
    '1',
    '1,2p',
    's/a/b/',
    "'s/a/b/w new'",
  ),
  fc.constantFrom(
    '>',
    '>>',
    '<',
    '2>&1',
    '>&new',
    '&>new',
    '<>new',
    '<<<',
    '\\a',
    '{a,new}',
    '-o=new',
    '--output=new',
  ),
);
const simple = fc
  .tuple(program, fc.array(word, { maxLength: 4 }))
  .map(([name, words]) => [name, ...words].join(' '));
const line = fc
  .array(fc.tuple(simple, fc.constantFrom(';', ' && ', ' | ', ' || ', '\n')), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.map(([one, by], at) => (at === parts.length - 1 ? one : `${one}${by}`)).join(''));

it('what is said to read alone changes nothing', () => {
  const before = snapshot(folder);
  const env = { PATH: process.env['PATH'], x: '-o' };
  let run = 0;
  fc.assert(
    fc.property(line, (source) => {
      const kinds = new Set(effectsOfCommand(source).map(({ kind }) => kind));
      fc.pre(kinds.size === 0 || (kinds.size === 1 && kinds.has('read')));
      run += 1;
      spawnSync('bash', ['--noprofile', '--norc', '-c', source], {
        cwd: folder,
        env,
        stdio: ['ignore', 'ignore', 'ignore'],
        timeout: 2_000,
        killSignal: 'SIGKILL',
      });
      expect([source, snapshot(folder)]).toEqual([source, before]);
    }),
    { numRuns: 120 },
  );
  expect(run).toBeGreaterThan(100);
}, 60_000);
