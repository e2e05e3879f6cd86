import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Execution, type Workflow } from '@pegasus-workflows/contracts';
import { expectRowsToAgree, RECONCILE_INTERVAL_MS } from './support/agreement.js';
import { problemsOf } from './support/effects.js';
import { Machine, PARTS, type Target } from './support/machine.js';
import { publishFixture } from './support/publish.js';
import { seededRandom } from './support/random.js';
import { startThirdParty, temporalIdOf, type ThirdParty } from './support/third-party.js';

/** `PEGASUS_FAULT_SEED=<seed>` repeats the instants of an earlier run. */
const SEED = Number(process.env['PEGASUS_FAULT_SEED'] ?? Date.now() % 1_000_000);
const random = seededRandom(SEED);

const TARGETS: readonly Target[] = [...PARTS, 'everything'];
/** Rounds of kills, of every target; `npm run test:faults` has ten. */
const INSTANTS = Number(process.env['PEGASUS_FAULT_ROUNDS'] ?? 2);
const STEPS = 20;
const MINUTES = 60_000;

interface Killed {
  execution: Execution;
  target: Target;
}

let machine: Machine;
let workflow: Workflow;
let thirdParty: ThirdParty;
const kills: number[] = [];
const runs: Killed[] = [];

beforeAll(async () => {
  process.stderr.write(`fault suite: seed ${SEED}\n`);
  thirdParty = await startThirdParty();
  machine = await Machine.start({ PEGASUS_RECONCILE_INTERVAL_MS: String(RECONCILE_INTERVAL_MS) });
  workflow = await publishFixture(machine.client, 'twenty-steps');
}, 2 * MINUTES);
afterAll(() => machine?.stop());

/** A run begins, reaches a random step, goes on for a random moment of it, and then `target` is killed. */
async function killAtRandomInstant(target: Target): Promise<void> {
  const execution = await machine.client.workflows.run(workflow.id, { input: { url: thirdParty.url } });
  runs.push({ execution, target });
  await thirdParty.reached({ execution, workflow }, Math.floor(random() * STEPS));
  // The moment is what is being drawn here; nothing is waited for.
  await delay(random() * 100);
  kills.push(await machine.kill(target));
  await machine.up();
}

describe(`kill -9 at ${INSTANTS} random instants each of a run of ${STEPS} steps (seed ${SEED})`, () => {
  // Turn about: a part that is killed again within seconds is started ever later, as one that keeps crashing is.
  it.each(Array.from({ length: INSTANTS }, (_, index) => index + 1))(
    `instant %i: ${TARGETS.join(', ')}: each dies and comes back`,
    async () => {
      for (const target of TARGETS) await killAtRandomInstant(target);
    },
    2 * MINUTES,
  );

  it(
    'every run completes',
    async () => {
      const ended = await Promise.all(
        runs.map(({ execution: { id } }) =>
          machine.client.executions.wait(workflow.id, id, { timeoutMs: MINUTES }),
        ),
      );
      expect(
        ended.map(({ status, result, errorMessage }, index) => [
          runs[index]!.target,
          status,
          result,
          errorMessage,
        ]),
      ).toEqual(runs.map(({ target }) => [target, 'COMPLETED', STEPS, null]));
      expect(runs).toHaveLength(TARGETS.length * INSTANTS);
    },
    2 * MINUTES,
  );

  it("has each step's effect once; the one in flight at a kill once more, under the same key", () => {
    const found = runs.flatMap(({ execution, target }) => {
      const effects = thirdParty.effectsOf({ execution, workflow });
      return problemsOf(effects, STEPS, kills).map((problem) => `${target}: ${problem}`);
    });
    expect(found).toEqual([]);
    const known = new Set(runs.map(({ execution }) => temporalIdOf({ execution, workflow })));
    expect(thirdParty.effects.filter(({ workflowId }) => !known.has(workflowId))).toEqual([]);
  });

  it('leaves no row that disagrees with Temporal one reconcile interval later', async () => {
    await expectRowsToAgree(machine, workflow.id);
  });
});
