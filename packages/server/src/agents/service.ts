import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import {
  DISPATCHES_OPEN_MAX,
  PegasusError,
  type Dispatch,
  type dispatchAnswerSchema,
  type dispatchesQuerySchema,
  type DispatchEvent,
  type dispatchEventsQuerySchema,
  type dispatchRequestSchema,
  type DispatchSummary,
} from '@pegasus-workflows/contracts';
import { failpoint } from '@pegasus-workflows/kit';
import { type z } from 'zod';
import { type Principal } from '../infra/context.js';
import { type Database, type Tx } from '../infra/database.js';
import { agentDispatches, agentOrders } from '../infra/schema.js';
import { endDispatch, resultWithout } from './ending.js';
import { type Hosts } from './hosts.js';
import { titleOf, toDispatch, toSummary, type DispatchRow } from './row.js';
import {
  countOpen,
  enqueueDispatch,
  findAnswer,
  findByIdempotencyKey,
  getDispatch,
  lastPauseOrResume,
  listDispatches,
  listEvents,
  lockDispatch,
  type OrderRow,
} from './store.js';

/**
 * Job: what a caller can do with dispatches.
 *
 * Boundary: every method acts for one tenant and sees nothing else. It asks nothing of Temporal: what a run is to be told
 * is a row of `agent_orders`, written with the outbox item that `runs.ts` works off. How a dispatch goes, its host
 * reports (`reports.ts`).
 *
 * Invariants
 * 1. A dispatch and the outbox item that starts its run are one transaction.
 * 2. One idempotency key is one dispatch of the tenant, however many requests carry it, at once or later.
 * 3. A question is answered once, while it is open; the same answer again is that one, another is a conflict.
 * 4. What is ordered is told to the run in the order in which it was committed.
 * 5. A dispatch that is cancelled before its start was asked of Temporal never starts: both hold its row.
 */
export interface ServiceParts {
  db: Database;
  clock: () => Date;
  hosts: Hosts;
  /** Called after the commit of what `runs.ts` is to do. */
  onOrdered: () => void;
  /** Called after the commit of an end. */
  onEnded: (row: DispatchRow) => void;
}

type DispatchWanted = z.output<typeof dispatchRequestSchema>;
type NewOrder = Pick<OrderRow, 'kind'> & Partial<Pick<OrderRow, 'questionId' | 'answer'>>;

export class DispatchService {
  readonly #parts: ServiceParts;

  constructor(parts: ServiceParts) {
    this.#parts = parts;
  }

  /**
   * Takes a task in. Throws NOT_FOUND for an unknown workspace, VALIDATION_ERROR for an unknown model, CONCURRENCY_LIMIT,
   * CONFLICT when the key was used for something else.
   */
  async dispatch(principal: Principal, wanted: DispatchWanted, idempotencyKey?: string): Promise<Dispatch> {
    const { tenantId } = principal;
    const id = randomUUID();
    const { row, isNew } = await this.#parts.db.tenant(tenantId, async (tx) => {
      const before = await replayed(tx, tenantId, wanted, idempotencyKey);
      if (before) return { row: before, isNew: false };
      const values = await this.#admit(tx, principal, id, wanted);
      const [inserted] = await tx
        .insert(agentDispatches)
        .values({ ...values, idempotencyKey: idempotencyKey ?? null })
        .onConflictDoNothing()
        .returning();
      if (inserted) {
        await enqueueDispatch(tx, inserted);
        return { row: inserted, isNew: true };
      }
      const present = await replayed(tx, tenantId, wanted, idempotencyKey);
      if (present) return { row: present, isNew: false };
      throw new PegasusError('CONFLICT', 'This Idempotency-Key is in use; repeat the request.');
    });
    failpoint('dispatch.after-insert');
    if (isNew) this.#parts.onOrdered();
    return toDispatch(row);
  }

  /** What {@link DispatchService.dispatch} would answer; nothing is written. */
  async wouldDispatch(principal: Principal, wanted: DispatchWanted): Promise<Dispatch> {
    const { db, clock } = this.#parts;
    const values = await db.tenant(principal.tenantId, (tx) =>
      this.#admit(tx, principal, randomUUID(), wanted),
    );
    const nothingYet = { question: null, result: null, tokensIn: 0, tokensOut: 0 };
    return {
      ...{ id: values.id, workspace: values.workspace, model: values.model, merge: values.merge },
      ...{ isolation: values.isolation, task: values.task, state: 'QUEUED', ...nothingYet },
      parentExecutionId: values.parentExecutionId,
      createdByUserId: values.createdByUserId,
      queuedAt: clock().toISOString(),
      startedAt: null,
      endedAt: null,
    };
  }

  /** A page, newest first. Throws VALIDATION_ERROR for a cursor of elsewhere. */
  async list(tenantId: string, query: z.output<typeof dispatchesQuerySchema>): Promise<DispatchSummary[]> {
    const rows = await this.#parts.db.tenant(tenantId, (tx) => listDispatches(tx, tenantId, query));
    return rows.map(toSummary);
  }

  /** Throws NOT_FOUND. */
  async get(tenantId: string, id: string): Promise<Dispatch> {
    return toDispatch(await this.#parts.db.tenant(tenantId, (tx) => getDispatch(tx, tenantId, id)));
  }

  /** Events after a place, in order. Throws NOT_FOUND. */
  async events(
    tenantId: string,
    id: string,
    query: z.output<typeof dispatchEventsQuerySchema>,
  ): Promise<DispatchEvent[]> {
    return this.#parts.db.tenant(tenantId, async (tx) => {
      await getDispatch(tx, tenantId, id);
      return listEvents(tx, id, query);
    });
  }

  /** Answers the open question. Throws NOT_FOUND, CONFLICT. */
  answer(
    principal: Principal,
    id: string,
    { questionId, answer }: z.output<typeof dispatchAnswerSchema>,
  ): Promise<Dispatch> {
    return this.#change(principal, id, async (tx, row) => {
      const before = await findAnswer(tx, id, questionId);
      if (before?.answer === answer) return row;
      if (before) {
        throw new PegasusError('CONFLICT', `This question was answered before, with ${before.answer}.`);
      }
      refuseEnded(row, 'be answered');
      if (row.question?.id !== questionId) {
        throw new PegasusError(
          'CONFLICT',
          row.question
            ? 'questionId: is not the question that is open; read the dispatch for that one.'
            : 'questionId: the dispatch asks nothing now.',
        );
      }
      return this.#order(tx, row, principal, { kind: 'ANSWER', questionId, answer });
    });
  }

  /** Asks for cancellation; at once where the run has not been asked for yet. Throws NOT_FOUND, CONFLICT. */
  cancel(principal: Principal, id: string): Promise<Dispatch> {
    return this.#change(principal, id, async (tx, row) => {
      refuseEnded(row, 'be cancelled');
      if (row.startAskedAt !== null) return this.#order(tx, row, principal, { kind: 'CANCEL' });
      const now = this.#parts.clock();
      const how = { status: 'cancelled', summary: 'It was cancelled before it had started.' } as const;
      return endDispatch(tx, row, await resultWithout(tx, row, how, now), now);
    });
  }

  /** Holds a dispatch, before its next step. Throws NOT_FOUND, CONFLICT. */
  pause(principal: Principal, id: string): Promise<Dispatch> {
    return this.#change(principal, id, async (tx, row) => {
      refuseEnded(row, 'be paused');
      if ((await lastPauseOrResume(tx, id)) === 'PAUSE') return row;
      return this.#order(tx, row, principal, { kind: 'PAUSE' });
    });
  }

  /** Lets one go on that was paused; any other goes on anyway. Throws NOT_FOUND, CONFLICT. */
  resume(principal: Principal, id: string): Promise<Dispatch> {
    return this.#change(principal, id, async (tx, row) => {
      refuseEnded(row, 'be resumed');
      const isPaused = (await lastPauseOrResume(tx, id)) === 'PAUSE' || row.state === 'PAUSED';
      return isPaused ? this.#order(tx, row, principal, { kind: 'RESUME' }) : row;
    });
  }

  async #change(
    { tenantId }: Principal,
    id: string,
    work: (tx: Tx, row: DispatchRow) => Promise<DispatchRow>,
  ): Promise<Dispatch> {
    const { row, isEnded } = await this.#parts.db.tenant(tenantId, async (tx) => {
      const before = await lockDispatch(tx, tenantId, id);
      const after = await work(tx, before);
      return { row: after, isEnded: before.state !== 'ENDED' && after.state === 'ENDED' };
    });
    failpoint('dispatch.ordered');
    this.#parts.onOrdered();
    if (isEnded) this.#parts.onEnded(row);
    return toDispatch(row);
  }

  async #order(tx: Tx, row: DispatchRow, principal: Principal, order: NewOrder): Promise<DispatchRow> {
    const { id: dispatchId, tenantId } = row;
    const by = {
      createdByUserId: principal.execution ? null : principal.principalId,
      executionId: principal.execution?.id ?? null,
    };
    const createdAt = this.#parts.clock();
    await tx
      .insert(agentOrders)
      .values({ ...order, ...by, dispatchId, tenantId, createdAt })
      .onConflictDoNothing();
    await enqueueDispatch(tx, row);
    return row;
  }

  /** What a new row begins with, if there may be one. */
  async #admit(tx: Tx, principal: Principal, id: string, wanted: DispatchWanted) {
    const { tenantId, execution, principalId } = principal;
    const place = placeFor(wanted);
    await this.#parts.hosts.require(tx, tenantId, place);
    const open = await countOpen(tx, tenantId);
    if (open >= DISPATCHES_OPEN_MAX) {
      throw new PegasusError(
        'CONCURRENCY_LIMIT',
        `${open} dispatches of this tenant have not ended, which is the limit; wait for one, or cancel one.`,
      );
    }
    const task = { ...wanted.task, id: wanted.task.id ?? id };
    const { role, permissionMode } = task;
    const now = this.#parts.clock();
    return {
      ...{ id, tenantId, ...place, task, role, permissionMode },
      title: titleOf(task.prompt),
      state: 'QUEUED' as const,
      parentExecutionId: execution?.id ?? null,
      createdByUserId: execution ? null : principalId,
      queuedAt: now,
      heardAt: now,
    };
  }
}

/** Invariant 2: the dispatch of an earlier request with this key. Throws CONFLICT when that was about something else. */
async function replayed(
  tx: Tx,
  tenantId: string,
  wanted: DispatchWanted,
  key: string | undefined,
): Promise<DispatchRow | undefined> {
  const row = key === undefined ? undefined : await findByIdempotencyKey(tx, tenantId, key);
  if (!row) return undefined;
  const { task } = wanted;
  const asked = { ...placeFor(wanted), task: { ...task, id: task.id ?? row.id } };
  const { workspace, model, merge, isolation } = row;
  const before = { workspace, model, merge, isolation, task: row.task };
  if (isDeepStrictEqual(asked, before)) return row;
  throw new PegasusError(
    'CONFLICT',
    'This Idempotency-Key was used for another dispatch; use a new key for a new one.',
  );
}

/** Where and how it is to be worked on, with what is meant by what was left out. */
function placeFor({
  workspace,
  model,
  merge = 'leave',
  isolation,
}: DispatchWanted): Pick<DispatchRow, 'workspace' | 'model' | 'merge' | 'isolation'> {
  return { workspace, model: model ?? null, merge, isolation: isolation ?? null };
}

function refuseEnded({ state, status }: DispatchRow, what: string): void {
  if (state !== 'ENDED') return;
  throw new PegasusError('CONFLICT', `The dispatch has ended (${status}); only an open one can ${what}.`);
}
