import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packedPackages, type PackedPackages } from '../support/packed.js';
import { testTemporalEnv } from '../support/temporal.js';
import { expectOutput, stepsOf, titleOf, writeStep, type Step } from './support/page.js';
import { Shell } from './support/shell.js';

/**
 * docs/tutorial.md as its reader follows it, in an empty folder and with an empty home, on the packed packages.
 * Only the Temporal is the tests' own: the reader's `dev` starts one.
 */
const MINUTES = 60_000;
const STEP = 4 * MINUTES;
const PAGE = path.resolve(import.meta.dirname, '../../docs/tutorial.md');
const steps = stepsOf(await readFile(PAGE, 'utf8'));

let home: string;
let work: string;
let packed: PackedPackages;
let failed = false;
const terminals = new Map<string, Shell>();

beforeAll(async () => {
  packed = await packedPackages();
  home = await mkdtemp(path.join(tmpdir(), 'pegasus-tutorial-'));
  work = path.join(home, 'tutorial');
  await mkdir(work);
}, 10 * MINUTES);

afterAll(async () => {
  for (const shell of terminals.values()) await shell.close();
  await rm(home, { recursive: true, force: true });
}, 2 * MINUTES);

/** The environment of a person who has never used Pegasus, but for what was downloaded to this machine before. */
function environment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(PEGASUS|TEMPORAL|XDG)_/.test(name));
  return {
    ...Object.fromEntries(inherited),
    ...testTemporalEnv(),
    HOME: home,
    XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'),
    NO_COLOR: '1',
    COLUMNS: '100',
  };
}

function terminal(name: string): Shell {
  const shell = terminals.get(name) ?? new Shell(work, environment());
  terminals.set(name, shell);
  return shell;
}

async function follow(step: Step): Promise<void> {
  switch (step.kind) {
    case 'install':
      await symlink(path.join(packed.dir, 'node_modules'), path.join(work, 'node_modules'));
      return cp(path.join(packed.dir, 'package.json'), path.join(work, 'package.json'));
    case 'write':
    case 'change':
      return writeStep(work, step);
    case 'output':
      return expectOutput(terminal(step.terminal), step.block, STEP);
    case 'command': {
      const shell = terminal(step.terminal);
      if (step.until !== undefined) {
        shell.start(step.command);
        await shell.printed(new RegExp(step.until), STEP);
        return;
      }
      expect(await shell.run(step.command, STEP), shell.output).toBe(step.exit);
    }
  }
}

describe('the tutorial', () => {
  it.each(steps.map((step) => [titleOf(step), step] as const))(
    '%s',
    async (_title, step) => {
      expect(failed, 'a step before this one failed').toBe(false);
      failed = true;
      await follow(step);
      failed = false;
    },
    STEP + MINUTES,
  );
});
