import { stat } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leavesOf, program } from '../commands.js';
import { type Finished } from '../cli.js';
import { checkDocument } from '../documents.js';
import { scanFor } from './scan.js';
import { type Scenario } from './scenario.js';
import { SCENARIOS } from './scenarios/index.js';
import { Stage } from './stage.js';

/**
 * What every command prints, for a person and with `--json`, when it succeeds and in the failures people meet: golden
 * files, so that a change of a word is seen in review. Each form has a platform and a tenant of its own, because most
 * commands change something.
 */
const MINUTES = 60_000;
let text: Stage;
let json: Stage;

beforeAll(async () => {
  [text, json] = await Promise.all([Stage.open(), Stage.open()]);
}, 5 * MINUTES);
afterAll(async () => {
  await Promise.all([text, json].map((stage) => stage?.[Symbol.asyncDispose]()));
}, MINUTES);

/**
 * The first scenario of every command in plain form, which is the real process with all that belongs to it; the others
 * in this one, because six hundred starts take longer than all that they start.
 */
const PROCESSES = new Set([
  ...new Map(SCENARIOS.toReversed().map((scenario) => [scenario.args[0], scenario])).values(),
]);

async function play(stage: Stage, scenario: Scenario, more: string[]): Promise<Finished> {
  await scenario.before?.(stage);
  const { cwd, env, input } = scenario;
  const finished = await stage.run([...scenario.args, ...more], {
    here: !scenario.alone && (stage === json || !PROCESSES.has(scenario)),
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env: filled(stage, env) }),
    ...(input === undefined ? {} : { input: stage.fill(input) }),
  });
  await scenario.after?.(stage);
  return finished;
}

function filled(stage: Stage, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, stage.fill(value ?? '')]));
}

function shown(stage: Stage, { code, stdout, stderr }: Finished): string {
  const part = (title: string, printed: string): string[] => {
    const content = stage.normalize(printed).trimEnd();
    return content === '' ? [] : [`--- ${title}`, content];
  };
  return [`--- exit ${code}`, ...part('stdout', stdout), ...part('stderr', stderr)].join('\n');
}

describe('what commands print', () => {
  it.each(SCENARIOS.map((scenario) => [scenario.name, scenario] as const))(
    '%s',
    async (name, scenario) => {
      const [plain, document] = await Promise.all([
        play(text, scenario, []),
        play(json, scenario, ['--json']),
      ]);
      const seen = [
        `$ pegasus-workflows ${scenario.args.join(' ')}`,
        shown(text, plain),
        '',
        '$ … --json',
        shown(json, document),
        '',
      ];
      await expect(seen.join('\n')).toMatchFileSnapshot(`golden/${name.replaceAll(' ', '-')}.txt`);
      expect([plain.code, document.code], plain.stderr + document.stdout).toEqual([
        scenario.code,
        scenario.code,
      ]);
      // One document of the published shape, whatever happened.
      checkDocument(scenario.args, document.stdout);
    },
    3 * MINUTES,
  );
});

describe('over all of them', () => {
  /** Commands that stay, or tell of this machine; their own suites drive them. */
  const STAYING = ['dev', 'mcp', 'doctor', 'integration-config watch'];
  const leaves = leavesOf(program()).map((words) => words.join(' '));
  const played = (leaf: string, ok: boolean): boolean =>
    SCENARIOS.some(({ args, code }) => `${args.join(' ')} `.startsWith(`${leaf} `) && (code === 0) === ok);

  it('every command is seen to succeed', () => {
    expect(leaves.filter((leaf) => !STAYING.includes(leaf) && !played(leaf, true))).toEqual([]);
  });

  it('every command is seen to fail', () => {
    expect(leaves.filter((leaf) => leaf !== 'doctor' && !played(leaf, false))).toEqual([]);
  });

  it('no key is in any output, file or log; the credentials file is private', async () => {
    for (const stage of [text, json]) {
      const all = stage.printed.join('\n');
      expect(all.length).toBeGreaterThan(10_000);
      // The end of a key is shown on purpose, to tell two apart.
      for (const secret of stage.secrets) expect(all).not.toContain(secret.slice(0, -4));
      expect((await stat(stage.credentialsFile)).mode & 0o777).toBe(0o600);
      const holders = await scanFor(stage.secrets, [stage.terminal.root, `${stage.platform.dataDir}/logs`]);
      expect(holders).toEqual([stage.credentialsFile]);
    }
  });
});
