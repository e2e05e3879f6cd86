import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';

/** A dispatch's process killed among its edits, and begun again after the last one that it was told of: each is done once. */
const EDITOR = fileURLToPath(new URL('./support/editor.mjs', import.meta.url));
const START = JSON.stringify({ done: 0, reads: {} });

let folder: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'pegasus-tools-')));
  await mkdir(join(folder, 'work'));
  await writeFile(join(folder, 'work/file'), 'begin\nend\n');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Edits until it has ended or was killed; answers what was last told. */
async function edit(
  state: string,
  failpoints = '',
  killAfterLines = Infinity,
): Promise<{ state: string; killed: boolean }> {
  const child = spawn(process.execPath, [EDITOR, join(folder, 'work'), join(folder, 'journal'), state], {
    env: { ...process.env, PEGASUS_FAILPOINTS: failpoints },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let told = '';
  child.stdout.on('data', (data: Buffer) => {
    told += data.toString();
    if (told.split('\n').length > killAfterLines) child.kill('SIGKILL');
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  expect(signal ?? code).toBe(signal ? 'SIGKILL' : 0);
  return { state: told.split('\n').slice(0, -1).at(-1) ?? state, killed: signal !== null };
}

async function expectEachOnce(): Promise<void> {
  const lines = Array.from({ length: 20 }, (_, at) => `line ${at + 1}\n`).join('');
  expect(await readFile(join(folder, 'work/file'), 'utf8')).toBe(`begin\n${lines}end\n`);
  expect(await readdir(join(folder, 'work'))).toEqual(['file']);
}

it.each([
  'agents.write.noted=kill@1',
  'agents.write.noted=kill@7',
  'agents.write.replaced=kill@1',
  'agents.write.replaced=kill@20',
])('at %s', async (failpoint) => {
  const first = await edit(START, failpoint);
  expect(first.killed).toBe(true);
  expect((await edit(first.state)).killed).toBe(false);
  await expectEachOnce();
});

it('at any moment, and at one failpoint after the other', async () => {
  let state = START;
  for (const failpoint of [
    'agents.write.noted=kill@2',
    '',
    'agents.write.replaced=kill@1',
    '',
    'agents.write.noted=kill@1',
  ])
    ({ state } = await edit(state, failpoint, failpoint === '' ? 3 : Infinity));
  await edit(state);
  await expectEachOnce();
});
