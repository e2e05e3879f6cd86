import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import {
  DISPATCH_BODY_BYTES,
  dispatchRequestSchema,
  idSchema,
  PegasusError,
  type Dispatch,
} from '@pegasus-workflows/contracts';
import type { AgentRole, SubagentResult } from '@pegasus-workflows/contracts/agents';
import { z } from 'zod';
import { localRoute, type LocalAnswer, type LocalRoute } from './router.js';

/** How a dispatch ends; by default it has `shipped`, changed nothing, and says `Done.` */
export interface LocalDispatchEnd {
  status?: SubagentResult['status'] | undefined;
  summary?: string | undefined;
  filesChanged?: string[] | undefined;
  tokensIn?: number | undefined;
  tokensOut?: number | undefined;
}

export interface LocalAgentsOptions {
  /** Workspaces that agent hosts offer; unless given, any. */
  workspaces?: readonly string[] | undefined;
  /**
   * How dispatches end, by the role of the task, or by a function that is asked when one is dispatched and each time
   * that it is read: `undefined` is one that goes on. A role that is not named ships.
   */
  ends?:
    | Partial<Record<AgentRole, LocalDispatchEnd>>
    | ((dispatch: Dispatch) => LocalDispatchEnd | undefined)
    | undefined;
}

type Wanted = z.output<typeof dispatchRequestSchema>;

interface Kept {
  key: string | null;
  wanted: Wanted;
  dispatch: Dispatch;
}

const PATH = '/api/v1/agents/dispatches';
const params = z.object({ id: idSchema });

/** Dispatching coding agents. None works: what becomes of a task the test says. */
export class LocalAgents {
  readonly #options: LocalAgentsOptions;
  readonly #now: () => Date;
  readonly #kept: Kept[] = [];

  constructor(options: LocalAgentsOptions, now: () => Date) {
    this.#options = options;
    this.#now = now;
  }

  /** In the order in which they were dispatched. */
  get dispatched(): Dispatch[] {
    return structuredClone(this.#kept.map(({ dispatch }) => dispatch));
  }

  get routes(): LocalRoute[] {
    return [
      localRoute({
        method: 'POST',
        path: PATH,
        action: 'DispatchAgent',
        body: dispatchRequestSchema,
        maxBodyBytes: DISPATCH_BODY_BYTES,
        mutation: { method: 'agents.dispatch' },
        plan: ({ body, headers }) => {
          const key = headers.get('idempotency-key');
          const known = this.#repeated(key, body);
          if (known) return { status: 202, data: known };
          this.#requireWorkspace(body.workspace);
          const dispatch = this.#queued(body);
          return { status: 202, data: dispatch, commit: () => this.#take({ key, wanted: body, dispatch }) };
        },
      }),
      localRoute({
        method: 'GET',
        path: `${PATH}/:id`,
        action: 'ReadAgentDispatch',
        params,
        plan: ({ params: { id } }) => ({ status: 200, data: this.#look(this.#find(id)) }),
      }),
      localRoute({
        method: 'POST',
        path: `${PATH}/:id/cancel`,
        action: 'DispatchAgent',
        params,
        mutation: { method: 'agents.cancel' },
        plan: ({ params: { id } }) => {
          const { dispatch } = this.#find(id);
          if (dispatch.state === 'ENDED')
            throw new PegasusError(
              'CONFLICT',
              `The dispatch has ended (${dispatch.result?.status}); only an open one can be cancelled.`,
            );
          const commit = () => this.#end(dispatch, { status: 'cancelled', summary: 'It was cancelled.' });
          return { status: 202, data: dispatch, commit };
        },
      }),
    ];
  }

  #take(kept: Kept): Partial<LocalAnswer> {
    this.#kept.push(kept);
    return { data: this.#look(kept) };
  }

  /** Whether it has ended is asked anew. */
  #look({ dispatch }: Kept): Dispatch {
    const { ends = {} } = this.#options;
    if (dispatch.state === 'ENDED') return dispatch;
    const end =
      typeof ends === 'function' ? ends(structuredClone(dispatch)) : (ends[dispatch.task.role] ?? {});
    if (end) this.#end(dispatch, end);
    return dispatch;
  }

  #end(dispatch: Dispatch, end: LocalDispatchEnd): void {
    const { status = 'shipped', summary = 'Done.', filesChanged = [], tokensIn = 0, tokensOut = 0 } = end;
    const { id: taskId, role } = dispatch.task;
    const about = { taskId, role, personaSlug: role, toolCallCount: 0, durationMs: 0 };
    const result = { ...about, status, summary, filesChanged, tokensIn, tokensOut };
    const endedAt = this.#now().toISOString();
    Object.assign(dispatch, { state: 'ENDED', result, tokensIn, tokensOut, endedAt });
  }

  #queued({ task, workspace, model, merge = 'leave', isolation }: Wanted): Dispatch {
    const id = randomUUID();
    return {
      ...{ id, workspace, model: model ?? null, merge, isolation: isolation ?? null },
      task: { ...task, id: task.id ?? id },
      ...{ state: 'QUEUED', question: null, result: null, tokensIn: 0, tokensOut: 0 },
      ...{ parentExecutionId: null, createdByUserId: null },
      ...{ queuedAt: this.#now().toISOString(), startedAt: null, endedAt: null },
    };
  }

  #find(id: string): Kept {
    const found = this.#kept.find(({ dispatch }) => dispatch.id === id);
    if (found) return found;
    throw new PegasusError('NOT_FOUND', 'There is no dispatch with this id.');
  }

  #repeated(key: string | null, wanted: Wanted): Dispatch | undefined {
    const known = key === null ? undefined : this.#kept.find((one) => one.key === key);
    if (!known || isDeepStrictEqual(known.wanted, wanted)) return known && this.#look(known);
    throw new PegasusError(
      'CONFLICT',
      'This Idempotency-Key was used for another dispatch; use a new key for a new one.',
    );
  }

  #requireWorkspace(name: string): void {
    const { workspaces } = this.#options;
    if (workspaces === undefined || workspaces.includes(name)) return;
    throw new PegasusError('NOT_FOUND', `There is no workspace ${JSON.stringify(name)}.`);
  }
}
