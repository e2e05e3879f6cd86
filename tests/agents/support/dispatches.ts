import { randomUUID } from 'node:crypto';
import {
  type AgentHost,
  type Dispatch,
  type DispatchEvent,
  type DispatchQuestion,
  type DispatchReport,
  type DispatchRequest,
} from '@pegasus-workflows/contracts';
import { type SubagentEvent, type SubagentResult } from '@pegasus-workflows/contracts/agents';
import { Registry } from 'prom-client';
import { expect } from 'vitest';
import { createAgents } from '../../../packages/server/src/agents/capability.js';
import { eventsCapability } from '../../../packages/server/src/events/capability.js';
import { type TemporalPort } from '../../../packages/server/src/infra/temporal.js';
import { type CallOptions, type TestServer } from '../../server/support.js';

const AT = '2026-01-01T00:00:00.000Z';
const about = { taskId: 'task-7', role: 'coder', personaSlug: 'hiroshi' } as const;

/** An event of a dispatch, by its place: the first is `spawned`, every other a call of a tool. */
export function eventAt(n: number): DispatchEvent {
  const event: SubagentEvent =
    n === 1
      ? {
          type: 'subagent.spawned',
          ...about,
          parentSessionId: 'session-1',
          isolation: 'shared_fs_serialized',
          timestamp: AT,
        }
      : {
          type: 'subagent.tool_call',
          ...about,
          toolName: 'read',
          toolCallId: `call_${n}`,
          timestamp: AT,
        };
  return { n, event };
}

export function questionOf(over: Partial<DispatchQuestion> = {}): DispatchQuestion {
  return {
    id: `call_${randomUUID()}`,
    toolName: 'bash',
    rule: 'mode:ask',
    why: 'It runs a program.',
    arguments: '{"command":"a-secret-of-the-arguments"}',
    askedAt: AT,
    ...over,
  };
}

export function resultOf(over: Partial<SubagentResult> = {}): SubagentResult {
  return {
    ...about,
    status: 'shipped',
    summary: 'It is done.',
    filesChanged: ['src/date.ts'],
    toolCallCount: 2,
    tokensIn: 100,
    tokensOut: 10,
    durationMs: 1_000,
    ...over,
  };
}

export function reportOf(at: number, over: Partial<DispatchReport> = {}): DispatchReport {
  return {
    at,
    events: [],
    state: 'RUNNING',
    question: null,
    result: null,
    tokensIn: 0,
    tokensOut: 0,
    ...over,
  };
}

/**
 * The calls of the API on dispatches, and a host's. What works by itself is another instance of the capability on the same
 * database, which {@link AgentStage.drain} turns by hand.
 */
export function agentStage(server: TestServer, { temporal = server.services.temporal as TemporalPort } = {}) {
  const services = { ...server.services, temporal, metrics: new Registry() };
  const events = eventsCapability(services, server.engine);
  const agents = createAgents(services, events);
  const { a } = server.tenants;
  const base = '/api/v1/agents/dispatches';
  const internal = (method: string, path: string, body?: unknown) =>
    server.call(method, `/internal/v1/agents${path}`, { key: server.settings.runnerToken, body });
  const stage = {
    agents,
    events,
    base,
    internal,
    asA: <T = any>(method: string, path = '', options: CallOptions = {}) =>
      server.call<T>(method, base + path, { key: a.key, ...options }),
    host: (over: Partial<AgentHost> = {}, hostId = 'host-1') =>
      internal('PUT', `/hosts/${hostId}`, {
        workspaces: [{ tenantId: a.id, name: 'shop' }],
        models: ['small', 'large'],
        ...over,
      }),
    request: (over: Partial<DispatchRequest> = {}): DispatchRequest => ({
      task: { role: 'coder', prompt: 'Mend the dates.', permissionMode: 'ask' },
      workspace: 'shop',
      ...over,
    }),
    async dispatch(over: Partial<DispatchRequest> = {}, key?: string): Promise<Dispatch> {
      const headers: Record<string, string> = key === undefined ? {} : { 'idempotency-key': key };
      const reply = await stage.asA<Dispatch>('POST', '', { body: stage.request(over), headers });
      expect(reply).toMatchObject({ status: 202 });
      return reply.body.data;
    },
    get: async (id: string) => (await stage.asA<Dispatch>('GET', `/${id}`)).body.data,
    report: (id: string, report: DispatchReport, tenantId = a.id) =>
      internal('POST', `/dispatches/${tenantId}/${id}/report`, report),
    async reported(id: string, at: number, over: Partial<DispatchReport> = {}): Promise<Dispatch> {
      expect(await stage.report(id, reportOf(at, over))).toMatchObject({ status: 204 });
      return stage.get(id);
    },
    /** Starts runs, tells them what was ordered, and tells parents, until nothing is due. */
    async drain(): Promise<void> {
      while ((await agents.runs.round()) + (await agents.parents.round()) > 0);
    },
  };
  return stage;
}
export type AgentStage = ReturnType<typeof agentStage>;
