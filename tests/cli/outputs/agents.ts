import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { PegasusClient } from 'pegasus-workflows-sdk/client';
import { expect } from 'vitest';
import { type DispatchQuestion, type DispatchReport } from '@pegasus-workflows/contracts';
import { type SubagentEvent, type SubagentResult } from '@pegasus-workflows/contracts/agents';
import { eventually } from '../../support/wait.js';
import { type Stage } from './stage.js';

/** What an agent host tells the server, told by the scenarios themselves. */
const AT = '2026-01-01T10:00:4';
const COUNTS = { toolCallCount: 2, tokensIn: 18_234, tokensOut: 911, durationMs: 41_873 };

async function tell(stage: Stage, method: 'PUT' | 'POST', place: string, body: unknown): Promise<void> {
  const token = await readFile(path.join(stage.platform.dataDir, 'secrets', 'runner.token'), 'utf8');
  const reply = await fetch(`${stage.platform.url}/internal/v1/agents/${place}`, {
    method,
    headers: { authorization: `Bearer ${token.trimEnd()}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect([reply.status, await reply.text()]).toEqual([204, '']);
}

/** A host is there, and offers these workspaces. */
export const offering =
  (...names: string[]) =>
  async (stage: Stage): Promise<void> => {
    const { tenant } = await clientOf(stage).whoAmI();
    const workspaces = names.map((name) => ({ tenantId: tenant.id, name }));
    await tell(stage, 'PUT', 'hosts/host-1', { workspaces, models: ['large', 'small'] });
  };

/** Keeps the id of the newest dispatch. */
export const keepDispatch =
  (as: string) =>
  async (stage: Stage): Promise<void> => {
    const [newest] = await clientOf(stage).agents.list({ limit: 1 });
    if (!newest) throw new Error('there is no dispatch to keep');
    stage.kept.set(as, newest.id);
  };

/** What a dispatch has become, as far as it is said here. */
export interface Reported {
  state?: DispatchReport['state'];
  /** Tools that were called, since the report before. */
  calls?: string[];
  question?: Omit<DispatchQuestion, 'askedAt'>;
  result?: Partial<SubagentResult>;
}

const places = new WeakMap<Stage, Map<string, { at: number; n: number }>>();

/** A report of the dispatch that was kept under this name; the first one tells that it was spawned. */
export const reporting =
  (as: string, reported: Reported) =>
  (stage: Stage): Promise<void> =>
    report(stage, stage.kept.get(as)!, reported);

async function report(
  stage: Stage,
  id: string,
  { state = 'RUNNING', calls = [], question, result }: Reported,
): Promise<void> {
  const of = places.get(stage) ?? new Map<string, { at: number; n: number }>();
  places.set(stage, of);
  const last = of.get(id) ?? { at: 0, n: 0 };
  const about = { taskId: id, role: 'coder', personaSlug: 'hiroshi' } as const;
  const told: SubagentEvent[] = [];
  const stamp = (): string => `${AT}${last.n + told.length}.000Z`;
  if (last.at === 0)
    told.push({
      ...{ type: 'subagent.spawned', ...about, parentSessionId: id },
      ...{ isolation: 'shared_fs_serialized', timestamp: stamp() },
    });
  for (const toolName of calls)
    told.push({
      ...{ type: 'subagent.tool_call', ...about, toolName, toolCallId: `call-${told.length}` },
      timestamp: stamp(),
    });
  if (result?.status === 'blocked')
    told.push({
      ...{ type: 'subagent.blocked', ...about, reason: 'permission_denied', detail: result.summary! },
      timestamp: stamp(),
    });
  else if (result) told.push({ type: 'subagent.completed', ...about, ...COUNTS, timestamp: stamp() });
  const events = told.map((event, index) => ({ n: last.n + index + 1, event }));
  of.set(id, { at: last.at + 1, n: last.n + told.length });
  const { tenant } = await clientOf(stage).whoAmI();
  const whole = result && {
    ...{ ...about, status: 'shipped', summary: '', filesChanged: [], ...COUNTS },
    ...result,
  };
  await tell(stage, 'POST', `dispatches/${tenant.id}/${id}/report`, {
    ...{ at: last.at + 1, events, state: result ? 'ENDED' : state },
    question: question ? { ...question, askedAt: `${AT}9.000Z` } : null,
    result: whole ?? null,
    ...(last.at === 0 ? { tokensIn: 0, tokensOut: 0 } : { tokensIn: 120, tokensOut: 7 }),
  });
}

const working = new WeakMap<Stage, Promise<void>>();

/** Begins to be the agent of the next dispatch with this prompt: each report as soon as the one before is seen. */
export const agentFor =
  (prompt: string, ...reports: Reported[]) =>
  async (stage: Stage): Promise<void> => {
    await offering('shop')(stage);
    working.set(stage, work(stage, prompt, reports));
  };

/** The agent has done its work. */
export const agentIsDone = async (stage: Stage): Promise<void> => working.get(stage);

async function work(stage: Stage, prompt: string, reports: readonly Reported[]): Promise<void> {
  const client = clientOf(stage);
  const id = await eventually(async () => {
    const [newest] = await client.agents.list({ limit: 1 });
    if (newest?.title !== prompt) throw new Error(`"${prompt}" was not dispatched`);
    return newest.id;
  });
  for (const one of reports) await report(stage, id, one);
}

function clientOf({ platform }: Stage): PegasusClient {
  return new PegasusClient({ baseUrl: platform.url, token: platform.tenant.apiKey });
}
