import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/wait.js';
import { checkDocument } from './documents.js';
import { Stage } from './outputs/stage.js';
import { type Finished } from './cli.js';

/** What can be done with runs, by the real command against a real platform. */
const MINUTES = 60_000;
let stage: Stage;

interface Run {
  id: string;
  status: string;
  workflowId: string;
}

/** In this process: what is shown is the subject, and `e2e.test.ts` starts the real one. */
function run(args: string[], options: Parameters<Stage['run']>[1] = {}): Promise<Finished> {
  return stage.run([...args, '--profile', 'local'], { cwd: 'demo', here: true, ...options });
}

/** A command that must succeed; its one JSON document. */
async function json<T = Record<string, unknown>>(
  args: string[],
  options: Parameters<Stage['run']>[1] = {},
): Promise<T> {
  const { code, stdout, stderr } = await run([...args, '--json'], options);
  expect(code, stderr + stdout).toBe(0);
  checkDocument(args, stdout);
  return JSON.parse(stdout) as T;
}

async function ended(id: string): Promise<void> {
  await run(['executions', 'watch', 'demo', id]);
}

beforeAll(async () => {
  stage = await Stage.open();
  await stage.writeCredentials();
  await stage.run(['init', 'demo'], {});
  await json(['push', '--env', 'here']);
}, 5 * MINUTES);

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
}, MINUTES);

describe('a waiting run', () => {
  let waiting: Run;
  beforeAll(async () => {
    waiting = await json<Run>(['run', 'demo', '--input', '{"waitSeconds": 3600}']);
    await eventually(async () => {
      const { timeline } = await json<{ timeline: object[] }>(['executions', 'show', 'demo', 'latest']);
      expect(timeline).toContainEqual(expect.objectContaining({ kind: 'timer' }));
    });
  }, 2 * MINUTES);

  it('is shown with what it waits for, and with --stack where in its code', async () => {
    const { code, stdout } = await run(['executions', 'show', 'demo', waiting.id, '--stack']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/▸ timer {2}…\n +until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, in (59 min|1 h)/);
    expect(stdout).toMatch(/waits at\n {2}at demoWorkflow \(demo\/workflow\.ts:\d+:\d+\)/);
    const shown = await json<{ stack: string[] }>(['executions', 'show', 'demo', 'latest', '--stack']);
    expect(shown.stack.join()).toContain('demo/workflow.ts');
  });

  it('fits forty columns', async () => {
    const { stdout } = await run(['executions', 'show', 'demo', waiting.id], { env: { COLUMNS: '40' } });
    const timeline = stdout.slice(stdout.indexOf('\n\n'));
    for (const line of timeline.split('\n')) expect(line.length, line).toBeLessThanOrEqual(50);
  });

  it('is asked', async () => {
    expect(await run(['executions', 'query', 'demo', waiting.id, 'phase'])).toMatchObject({
      code: 0,
      stdout: 'waiting\n',
    });
    expect(await json(['executions', 'query', 'demo', 'latest', 'phase'])).toEqual({ result: 'waiting' });
    const wrong = await run(['executions', 'query', 'demo', waiting.id, 'phse']);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain('Did you mean phase?');
  });

  it('refuses a signal that it has no handler for, with the one that was meant', async () => {
    const { code, stderr } = await run(['executions', 'signal', 'demo', waiting.id, 'hury']);
    expect(code).toBe(4);
    expect(stderr).toContain('has no signal "hury"');
    expect(stderr).toContain('next: Did you mean hurry? To send it all the same: --force');
    await json(['executions', 'signal', 'demo', waiting.id, 'hury', '--force']);
  });

  it.each([
    [['--input', '{x'], '--input is not JSON: it has "x" where a name in double quotes or "}" belongs'],
    [['--arg', '1', '--input', '2'], '--input and --arg cannot be given together.'],
  ])('refuses arguments %j', async (args, message) => {
    const { code, stderr } = await run(['executions', 'signal', 'demo', waiting.id, 'hurry', ...args]);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  it('names the file, line and column of input that is no JSON', async () => {
    await writeFile(path.join(stage.terminal.root, 'demo/input.json'), '{\n  "name": Ada\n}\n');
    const fromFile = await run(['run', 'demo', '--input', '@input.json']);
    expect(fromFile).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('input.json:2:11 is not JSON'),
    });
    const piped = await run(['run', 'demo', '--input', '-'], { input: '{"a"' });
    expect(piped).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('standard input:1:5 is not JSON'),
    });
  });

  it(
    'goes on when it is signalled, and the timeline tells',
    async () => {
      const watching = run(['executions', 'watch', 'demo', waiting.id]);
      await json(['executions', 'signal', 'demo', waiting.id, 'hurry']);
      const { code, stdout } = await watching;
      expect(code).toBe(0);
      expect(stdout).toMatch(/· signal hurry[^]*✓ composeGreeting[^]*COMPLETED in/);
      const late = await run(['executions', 'signal', 'demo', waiting.id, 'hurry']);
      expect(late.code).toBe(5);
    },
    MINUTES,
  );

  it('is exported whole, to a file that replays', async () => {
    const written = await json<{ file: string; events: number }>([
      'executions',
      'export',
      'demo',
      waiting.id,
      '-o',
      'history.json',
    ]);
    const kept = JSON.parse(await readFile(written.file, 'utf8')) as {
      name: string;
      history: { events: object[] };
    };
    expect(kept).toMatchObject({ name: 'demo', version: '1.0.0', workflowType: 'demoWorkflow' });
    expect(kept.history.events).toHaveLength(written.events);
    expect(await json(['executions', 'export', 'demo', waiting.id])).toEqual(kept);
    const { code, stderr } = await run(['executions', 'export', 'demo', waiting.id, '-o', 'demo']);
    expect(code).not.toBe(0);
    expect(stderr).toContain('cannot be written');
  });
});

describe('lists', { timeout: 5 * MINUTES }, () => {
  beforeAll(async () => {
    const cancelled = await json<Run>(['run', 'demo', '--input', '{"waitSeconds": 600}']);
    await json(['executions', 'cancel', 'demo', cancelled.id]);
    await ended(cancelled.id);
    const file = path.join(stage.terminal.root, 'demo/pegasus-workflows.toml');
    await writeFile(file, (await readFile(file, 'utf8')).replace('1.0.0', '1.1.0'));
    await json(['push', '--env', 'next']);
    for (const name of ['Ada', 'Bo'])
      await json(['run', 'demo@1.1.0', '--wait', '--input', JSON.stringify({ name })]);
  }, 3 * MINUTES);

  const ids = async (...args: string[]): Promise<string[]> =>
    (await json<Run[]>(['executions', 'list', 'demo', ...args])).map(({ id }) => id);

  it('cover all versions, newest first, page by page without a gap', async () => {
    const all = await ids();
    expect(all).toHaveLength(4);
    const paged: string[] = [];
    for (;;) {
      const last = paged.at(-1);
      const page = await ids('--limit', '1', ...(last === undefined ? [] : ['--before', last]));
      if (page.length === 0) break;
      paged.push(...page);
    }
    expect(paged).toEqual(all);
    const { stderr } = await run(['executions', 'list', 'demo', '--limit', '2', '--status', 'completed']);
    expect(stderr).toMatch(
      /older ones: pegasus-workflows executions list demo --status completed --limit 2 --before [0-9a-f-]{36}\n/,
    );
  });

  it('are filtered by status, time and version', async () => {
    expect(await ids('--status', 'CANCELLED,FAILED')).toHaveLength(1);
    expect(await json<Run[]>(['executions', 'list', 'demo@1.1.0'])).toHaveLength(2);
    expect(await ids('--since', '1h')).toHaveLength(4);
    expect(await ids('--until', '1h')).toEqual([]);
    expect(await ids('--since', '2020-01-01', '--status', 'completed')).toHaveLength(3);
    const none = await run(['executions', 'list', 'demo', '--until', '1h']);
    expect(none.stdout).toBe('No runs of demo fit.\n');
    const wrong = await run(['executions', 'list', 'demo', '--status', 'FAILD']);
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('Did you mean FAILED?') });
  });

  it('show what a run is, whichever version it is of', async () => {
    const [newest, , older] = await ids();
    for (const id of [newest!, older!])
      expect(await json(['executions', 'show', 'demo', id])).toMatchObject({ id });
    expect(await json(['executions', 'show', 'demo', 'latest'])).toMatchObject({ id: newest });
    expect((await run(['executions', 'show', 'demo', 'newest'])).code).toBe(2);
  });
});

describe('a name means what was pushed from here', () => {
  it('in every command; --env picks the entry, --latest ignores it', async () => {
    const version = async (...args: string[]): Promise<unknown> =>
      (await json(['workflows', 'show', 'demo', ...args]))['version'];
    expect(await version('--env', 'here')).toBe('1.0.0');
    expect(await version('--env', 'next')).toBe('1.1.0');
    const oldest = await json<Run>(['run', 'demo', '--env', 'here', '--wait']);
    const latest = await json<Run>(['run', 'demo', '--env', 'here', '--latest', '--wait']);
    expect(oldest.workflowId).not.toBe(latest.workflowId);
  }, 5 * MINUTES); // prettier-ignore

  it('an entry that is not there: 4, and the nearest', async () => {
    for (const args of [['run', 'demo'], ['workflows', 'show', 'demo'], ['executions', 'list', 'demo']]) {
      const { code, stderr } = await run([...args, '--env', 'hree']);
      expect({ args, code }).toEqual({ args, code: 4 });
      expect(stderr).toContain('deployments.toml has no entry "hree".');
      expect(stderr).toContain('Did you mean here?');
    }
  }); // prettier-ignore

  it('a ledger that is out of date, of another platform, or broken does not stand in the way', async () => {
    const file = path.join(stage.terminal.root, 'demo/deployments.toml');
    const text = await readFile(file, 'utf8');
    const stale = text.replaceAll(/workflow_id = ".*"/g, 'workflow_id = "00000000-0000-4000-8000-000000000000"');
    await writeFile(file, stale);
    for (const args of [['workflows', 'show', 'demo'], ['executions', 'list', 'demo']]) {
      const { code, stderr } = await run(args);
      expect(code).toBe(0);
      expect(stderr).toContain('deployments.toml is older than this platform');
    }
    await writeFile(file, text.replaceAll(/base_url = ".*"/g, 'base_url = "https://elsewhere.example"'));
    expect(await json(['workflows', 'show', 'demo'])).toMatchObject({ version: '1.1.0' });
    const elsewhere = await run(['workflows', 'show', 'demo', '--env', 'here']);
    expect(elsewhere).toMatchObject({ code: 2, stderr: expect.stringContaining('is of https://elsewhere.example') });
    await writeFile(file, '[here\n');
    const broken = await run(['workflows', 'show', 'demo']);
    expect(broken).toMatchObject({ code: 0, stderr: expect.stringContaining('deployments.toml:1:') });
    await writeFile(file, text);
  }, 5 * MINUTES); // prettier-ignore
});

it(
  'a dry run shows what it would have changed, and that it was one',
  async () => {
    const { code, stdout } = await run(['run', 'demo', '--dry-run', '--wait']);
    expect(code).toBe(0);
    expect(stdout).toContain('It would have changed nothing.');
    expect((await run(['executions', 'show', 'demo', 'latest'])).stdout).toContain('dry run');
  },
  5 * MINUTES,
);
