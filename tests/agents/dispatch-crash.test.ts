import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { verifyLog } from '@pegasus-workflows/agents';
import { type Dispatch } from '@pegasus-workflows/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Machine, type Target } from '../fault/support/machine.js';
import { seededRandom } from '../fault/support/random.js';
import { eventually } from '../support/wait.js';
import {
  agentsHome,
  counted,
  counting,
  filesIn,
  usageOf,
  type AgentsHome,
} from './support/scripted-dispatch.js';

/** `PEGASUS_FAULT_SEED=<seed>` repeats the instants of an earlier run. */
const SEED = Number(process.env['PEGASUS_FAULT_SEED'] ?? Date.now() % 1_000_000);
const random = seededRandom(SEED);
const MINUTES = 60_000;
const TURNS = 200;
const script = counting(TURNS);
const WORKSPACES = ['one', 'two'] as const;
/** Kills of all targets in turn. Among all other tests there are fewer, at half of the points; `npm run test:faults` has all. */
const INSTANTS = Number(process.env['PEGASUS_FAULT_INSTANTS'] ?? 4);
const HAS_ALL = process.env['PEGASUS_FAULT_INSTANTS'] !== undefined;
const TARGETS: readonly Target[] = ['agents', 'server', 'temporal', 'everything'];

/** Points of a host, each with the hit at which it ends: one life each, one after the other, of the same dispatch. */
const POINTS = [
  'agents.turn.asked=kill@7',
  'agents.turn.answered=kill@5',
  'agents.turn.kept=kill@6',
  'agents.call.recorded=kill@4',
  'agents.call.made=kill@5',
  'agents.log.written=kill@12',
  'agents.log.synced=kill@13',
  'agents.write.noted=kill@3',
  'agents.write.replaced=kill@3',
  // Passed once each, at the end.

  'agents.close.recorded=kill',
  'agents.close.tier=kill',
  'agents.close.ended=kill',
] as const;

/** Another half in every other run. */
const points = HAS_ALL ? POINTS : POINTS.filter((_, at) => at % 2 === SEED % 2);

let home: AgentsHome;
let machine: Machine;
let calm: Dispatch;

beforeAll(async () => {
  process.stderr.write(`dispatch crashes: seed ${SEED}\n`);
  home = await agentsHome(WORKSPACES, { counting: script });
  machine = await Machine.start({
    PEGASUS_AGENTS_FILE: home.file,
    PEGASUS_AGENTS_HEARTBEAT_MS: '1500',
    PEGASUS_RECONCILE_INTERVAL_MS: '1000',
  });
}, 3 * MINUTES);
afterAll(async () => {
  await machine?.stop();
  await home?.remove();
});

function dispatch(workspace: string): Promise<Dispatch> {
  return machine.client.agents.dispatch({
    workspace,
    model: 'counting',
    task: { id: 'count', role: 'coder', prompt: 'Count.', permissionMode: 'acceptEdits' },
  });
}

const ended = (id: string): Promise<Dispatch> => machine.client.agents.wait(id, { timeoutMs: 5 * MINUTES });

/** What a dispatch that nothing has happened to has done and told. */
async function expectOnce({ id, workspace }: Dispatch): Promise<void> {
  const { result, state, tokensIn, tokensOut } = await ended(id);
  const { durationMs: _, ...counts } = result!;
  expect(counts).toEqual({ ...calm.result!, durationMs: undefined });
  expect({ state, tokensIn, tokensOut }).toEqual({ state: 'ENDED', ...usageOf(script) });
  expect(await filesIn(home.workspace(workspace))).toEqual(counted(TURNS));
  const types = await eventTypes(id);
  expect(types).toEqual(await eventTypes(calm.id));
  expect(await verifyLog(join(home.workspace(workspace), '.pugi'))).toMatchObject({ ok: true });
}

async function eventTypes(id: string): Promise<string[]> {
  const types: string[] = [];
  for (let after = 0; ;) {
    const page = await machine.client.agents.events(id, { after, limit: 500 });
    types.push(...page.map(({ event }) => `${event.type} ${'toolCallId' in event ? event.toolCallId : ''}`));
    if (page.length < 500) return types;
    after = page.at(-1)!.n;
  }
}

it(
  'undisturbed, does what the transcript says',
  async () => {
    calm = await ended((await dispatch('one')).id);
    expect(calm.result).toMatchObject({ status: 'shipped', summary: 'counted', ...usageOf(script) });
    expect(await filesIn(home.workspace('one'))).toEqual(counted(TURNS));
  },
  3 * MINUTES,
);

describe(`a dispatch of ${TURNS} turns (seed ${SEED})`, () => {
  it(
    'dies with its host at one point after the other, and ends as if nothing had happened',
    async () => {
      await empty('one');
      await machine.arm('agents', ...points);
      const begun = await dispatch('one');
      await lives(points.length);
      await expectOnce(begun);
    },
    6 * MINUTES,
  );

  it(
    `is killed at ${INSTANTS} random instants, each part and all of it, and ends as if nothing had happened`,
    async () => {
      await empty('one');
      const begun = await Promise.all([dispatch('one'), dispatch('two')]);
      for (let n = 0; n < INSTANTS; n += 1) {
        // The moment is what is being drawn here; nothing is waited for.
        await delay(random() * 400);
        await machine.kill(TARGETS[n % TARGETS.length]!);
        await machine.up();
      }
      for (const one of begun) await expectOnce(one);
    },
    10 * MINUTES,
  );
});

/** What a dispatch has left there is in the way of the next one. */
async function empty(workspace: string): Promise<void> {
  for (const name of ['count.txt', 'notes'])
    await rm(join(home.workspace(workspace), name), { recursive: true });
}

/** Until the host has died of every point that it was armed with. */
async function lives(count: number): Promise<void> {
  await eventually(
    async () =>
      expect(await machine.armedWith('agents'), `one of ${count} points was never reached`).toBe(''),
    { timeoutMs: 5 * MINUTES, intervalMs: 250 },
  );
}
