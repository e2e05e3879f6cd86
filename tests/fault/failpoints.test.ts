import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Execution, type Workflow } from '@pegasus-workflows/contracts';
import { eventually } from '../support/wait.js';
import { expectRowsToAgree, RECONCILE_INTERVAL_MS } from './support/agreement.js';
import { problemsOf } from './support/effects.js';
import { Machine, type Part } from './support/machine.js';
import { publishFixture } from './support/publish.js';
import { startThirdParty, type Effect, type ThirdParty } from './support/third-party.js';

const STEPS = 20;
const MINUTES = 60_000;

let machine: Machine;
let workflow: Workflow;
let thirdParty: ThirdParty;
let versions = 1;

beforeAll(async () => {
  thirdParty = await startThirdParty();
  machine = await Machine.start({ PEGASUS_RECONCILE_INTERVAL_MS: String(RECONCILE_INTERVAL_MS) });
  workflow = await publishFixture(machine.client, 'twenty-steps');
}, 2 * MINUTES);
afterAll(() => machine?.stop());

const input = () => ({ url: thirdParty.url, steps: STEPS, lingerMs: 0 });
const start = (of = workflow): Promise<Execution> => machine.client.workflows.run(of.id, { input: input() });
const publishNext = (): Promise<Workflow> =>
  publishFixture(machine.client, 'twenty-steps', { version: `1.0.${versions++}` });

const effectsOf = (execution: Execution, of = workflow): Effect[] =>
  thirdParty.effectsOf({ execution, workflow: of });

async function expectCompleted(execution: Execution, of = workflow): Promise<void> {
  const ended = await machine.client.executions.wait(of.id, execution.id, { timeoutMs: 90_000 });
  expect(ended).toMatchObject({ status: 'COMPLETED', result: STEPS, errorMessage: null });
  await expectRowsToAgree(machine, of.id);
}

/** The failpoint did fire: the process that was armed is no longer there. */
async function expectDied(part: Part, armed: number): Promise<void> {
  await eventually(async () => {
    expect(await machine.pids(part), `${part} ${armed} never reached its failpoint`).not.toContain(armed);
  });
}

/**
 * Each life of the server dies at its own point, in this order; the one after the last is not armed. One life per point
 * and no restart in between: a part that is killed again within seconds is started ever later.
 */
async function throughLives(points: readonly string[], act: () => Promise<void>): Promise<void> {
  await machine.arm('server', ...points.map((point) => `${point}=kill`));
  let acts = 0;
  for (let armed = `${points[0]}=kill`; armed !== ''; armed = await machine.armedWith('server')) {
    expect(++acts, `${armed} never fired`).toBeLessThanOrEqual(2 * points.length);
    await act();
  }
}

describe('the server dies at every point', () => {
  it(
    'of a run: one execution each, completed, no effect twice',
    async () => {
      const started: Execution[] = [];
      const points = [
        'run.after-insert',
        'reconcile.before-start',
        'run.after-start',
        'run.after-update',
        'outcome.before-write',
        'outcome.after-write',
      ];
      await throughLives(points, async () => {
        const execution = await start();
        started.push(execution);
        await expectCompleted(execution);
        expect(problemsOf(effectsOf(execution), STEPS, [])).toEqual([]);
      });
      expect((await executionIds()).toSorted()).toEqual(started.map(({ id }) => id).toSorted());
    },
    4 * MINUTES,
  );

  it(
    'of a publish: published once, and it runs',
    async () => {
      const points = ['publish.before-store', 'publish.after-store', 'publish.after-insert'];
      await throughLives(points, async () => {
        const published = await publishNext();
        const all = await machine.client.workflows.list();
        const named = all.filter(({ version }) => version === published.version);
        expect(named.map(({ id }) => id)).toEqual([published.id]);
        await expectCompleted(await start(published), published);
      });
    },
    4 * MINUTES,
  );
});

async function executionIds(): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of machine.client.executions.pages(workflow.id)) ids.push(id);
  return ids;
}

describe('the supervisor dies while a new version gets its worker', () => {
  it.each(['runner.after-fetch', 'runner.before-load'])(
    'at %s: the run completes',
    async (point) => {
      const armed = await machine.arm('supervisor', `${point}=kill`);
      const published = await publishNext();
      const execution = await start(published);
      await expectDied('supervisor', armed);
      await expectCompleted(execution, published);
      expect(problemsOf(effectsOf(execution, published), STEPS, [])).toEqual([]);
    },
    2 * MINUTES,
  );
});

describe('the worker dies', () => {
  /** Every worker of an armed supervisor has the failpoint; a fresh supervisor's has not. */
  async function disarm(): Promise<void> {
    await machine.kill('supervisor');
    await machine.up();
  }

  it(
    'at worker.loaded, every time, until its supervisor is replaced: the run completes',
    async () => {
      await machine.arm('supervisor', 'worker.loaded=kill');
      const execution = await start();
      // Two of them: the one that was waiting for a tenant, and one that was started in its place.
      const seen = new Set<number>();
      await eventually(async () => {
        const alive = await machine.pids('worker');
        for (const pid of alive) seen.add(pid);
        expect([...seen].filter((pid) => !alive.includes(pid)).length).toBeGreaterThanOrEqual(2);
      });
      await disarm();
      await expectCompleted(execution);
      expect(problemsOf(effectsOf(execution), STEPS, [])).toEqual([]);
    },
    2 * MINUTES,
  );

  it.each([
    ['worker.activity-start', 'before its effect: nothing is repeated', 0],
    ['worker.activity-end', 'after its effect: that step is repeated, once', 1],
  ])(
    'at %s, %s',
    async (point, _what, repeated) => {
      await machine.arm('supervisor', `${point}=kill@12`);
      const execution = await start();
      await expectCompleted(execution);
      const steps = effectsOf(execution).map(({ step }) => step);
      const expected = Array.from({ length: STEPS }, (_, index) => index + 1);
      if (repeated > 0) expected.splice(12, 0, 12);
      expect(steps).toEqual(expected);
      // The failpoint did fire: one activity was started again, once.
      const { events } = await machine.client.executions.history(workflow.id, execution.id);
      const repeats = events.filter(({ type, attempt }) => type === 'ActivityTaskStarted' && attempt !== 1);
      expect(repeats.map(({ attempt }) => attempt)).toEqual([2]);
      await disarm();
    },
    2 * MINUTES,
  );
});
