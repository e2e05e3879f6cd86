import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/wait.js';
import { checkDocument } from './documents.js';
import { Stage } from './outputs/stage.js';
import { type Finished } from './cli.js';

/** `replay` and `push --replay`, against what runs of a published version did. */
const MINUTES = 60_000;
let stage: Stage;
let source: string;

interface Replayed {
  ok: boolean;
  replayed: number;
  diverged: number;
  runs: { source: string; status: string | null; verdict: string; divergence?: object }[];
}

const at = (file: string): string => path.join(stage.terminal.root, 'demo', file);

/** In this process: what is found is the subject, and `e2e.test.ts` starts the real one. */
function run(args: string[], cwd = 'demo'): Promise<Finished> {
  return stage.run([...args, '--profile', 'local'], { cwd, here: true });
}

async function json<T>(args: string[], code = 0): Promise<T> {
  const finished = await run([...args, '--json']);
  expect(finished.code, finished.stderr + finished.stdout).toBe(code);
  checkDocument(args, finished.stdout);
  return JSON.parse(finished.stdout) as T;
}

/** Puts a change into the workflow's source; the original is back afterwards. */
async function withChange(from: string, to: string, body: () => Promise<void>): Promise<void> {
  expect(source).toContain(from);
  await writeFile(at('demo/workflow.ts'), source.replace(from, to));
  try {
    await body();
  } finally {
    await writeFile(at('demo/workflow.ts'), source);
  }
}

beforeAll(async () => {
  stage = await Stage.open();
  await stage.writeCredentials();
  await stage.run(['init', 'demo'], {});
  source = await readFile(at('demo/workflow.ts'), 'utf8');
}, 5 * MINUTES);

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
}, MINUTES);

const GREET = '  const greeting = await composeGreeting(name);\n';
const WAIT = '  await condition(() => hurried, `${waitSeconds} seconds`);\n';

describe('replay', () => {
  it('has nothing to do before the first run', async () => {
    await json(['push', '--replay', '--env', 'here']);
    expect(await json<Replayed>(['replay'])).toMatchObject({ ok: true, replayed: 0, runs: [] });
    await json(['run', 'demo', '--wait']);
    await json(['run', 'demo', '--input', '{"waitSeconds": 3600}']);
    await eventually(async () => {
      const { timeline } = await json<{ timeline: object[] }>(['executions', 'show', 'demo', 'latest']);
      expect(timeline).toContainEqual(expect.objectContaining({ kind: 'timer' }));
    });
  }, 5 * MINUTES); // prettier-ignore

  it('of the code as it is: every run fits, open ones first', async () => {
    const replayed = await json<Replayed>(['replay', 'demo']);
    expect(replayed).toMatchObject({ ok: true, replayed: 2, diverged: 0 });
    expect(replayed.runs.map(({ status }) => status)).toEqual(['RUNNING', 'COMPLETED']);
    const one = await json<Replayed>(['replay', 'demo', '--from', 'latest', '1']);
    expect(one.runs.map(({ status }) => status)).toEqual(['RUNNING']);
    const { code, stdout } = await run(['replay']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^RUN +VERSION +STATUS +VERDICT\n[^]*✓ 2 of 2 runs fit the code\n$/);
  }, 5 * MINUTES); // prettier-ignore

  it('of an added step: 1, with both sides and the line', async () => {
    await withChange(WAIT, `  await composeGreeting('early');\n${WAIT}`, async () => {
      const line = source.split('\n').findIndex((text) => `${text}\n` === WAIT) + 1;
      const { code, stdout } = await run(['replay', 'demo']);
      expect(code).toBe(1);
      expect(stdout).toContain('✗ 0 of 2 runs fit the code');
      expect(stdout).toMatch(/history +timer, event 5 TimerStarted/);
      expect(stdout).toContain(`activity composeGreeting at demo/workflow.ts:${line}`);
      const replayed = await json<Replayed>(['replay', 'demo'], 1);
      expect(replayed).toMatchObject({
        ok: false,
        diverged: 2,
        runs: [
          {
            verdict: 'diverged',
            divergence: {
              expected: { eventId: 5, eventType: 'TimerStarted', kind: 'timer' },
              got: { kind: 'activity', name: 'composeGreeting', at: `demo/workflow.ts:${line}` },
              reason: expect.stringContaining('TMPRL1100'),
            },
          },
          { verdict: 'diverged' },
        ],
      });
    });
  }, 5 * MINUTES); // prettier-ignore

  it('of a change that only ended runs would meet: the open one fits', async () => {
    await withChange(GREET, `${GREET}  await composeGreeting('again');\n`, async () => {
      const { runs } = await json<Replayed>(['replay', 'demo'], 1);
      expect(runs.map(({ verdict }) => verdict)).toEqual(['ok', 'diverged']);
    });
  }, 5 * MINUTES); // prettier-ignore

  it('from a file and from one run; the file needs no platform', async () => {
    const { runs } = await json<Replayed>(['replay', 'demo']);
    const completed = runs[1]!.source;
    await json(['executions', 'export', 'demo', completed, '-o', 'kept.json']);
    expect(await json<Replayed>(['replay', '--from', completed, 'kept.json'])).toMatchObject({
      runs: [{ source: 'kept.json' }, { source: completed }],
    });
    const offline = await stage.run(['replay', '--from', 'kept.json', '--base-url', 'http://127.0.0.1:9'], {
      cwd: 'demo',
    });
    expect(offline.code).toBe(0);
  }, 5 * MINUTES); // prettier-ignore

  it.each([
    ['{"events": [', 'broken.json:1:13 is not the history of a run: it ends in the middle', 2],
    ['{"hello": 1}', 'broken.json is not the history of a run: it has no list "events".', 2],
  ])('of a file that is none: %s', async (text, message, code) => {
    await writeFile(at('broken.json'), text);
    const finished = await run(['replay', '--from', 'broken.json']);
    expect(finished.code).toBe(code);
    expect(finished.stderr).toContain(message);
  });

  it('of what is not there', async () => {
    expect(await run(['replay', '--from', 'none.json'])).toMatchObject({ code: 4 });
    expect(await run(['replay', 'dmo'])).toMatchObject({ code: 4, stderr: expect.stringContaining('Did you mean demo?') });
    expect(await run(['replay', '--from', 'latest:0'])).toMatchObject({ code: 2 });
  }); // prettier-ignore
});

describe('push --replay', () => {
  it('publishes nothing and leaves the ledger when a run does not fit', async () => {
    const ledger = await readFile(at('deployments.toml'), 'utf8');
    const manifest = await readFile(at('pegasus-workflows.toml'), 'utf8');
    await writeFile(at('pegasus-workflows.toml'), manifest.replace('1.0.0', '1.1.0'));
    await withChange(WAIT, '', async () => {
      const refused = await json<{ code: string; problems: string[]; data: object[] }>(['push', '--replay', '--env', 'here'], 1);
      expect(refused).toMatchObject({ code: 'REPLAY_DIVERGED' });
      expect(refused.problems[0]).toMatch(
        /^demo@1\.0\.0 run [0-9a-f-]{36} diverges at event 5: the history has timer, event 5 TimerStarted, the code activity composeGreeting at demo\/workflow\.ts:\d+$/,
      );
      expect(refused.data).toHaveLength(2);
      const one = await run(['push', '--replay-latest', '1', '--env', 'here']);
      expect(one).toMatchObject({ code: 1, stderr: expect.stringContaining('Nothing was published') });
    });
    expect(await json(['workflows', 'list'])).toMatchObject([{ version: '1.0.0' }]);
    expect(await readFile(at('deployments.toml'), 'utf8')).toBe(ledger);
  }, 5 * MINUTES); // prettier-ignore

  it('publishes what fits', async () => {
    await withChange(GREET, `  if (patched('loud')) await composeGreeting('loud');\n${GREET}`, async () => {
      const guarded = (await readFile(at('demo/workflow.ts'), 'utf8')).replace('  matchInput,', '  matchInput,\n  patched,');
      await writeFile(at('demo/workflow.ts'), guarded);
      expect(await json(['push', '--replay', '--env', 'here'])).toMatchObject([{ version: '1.1.0' }]);
    });
  }, 5 * MINUTES); // prettier-ignore
});
