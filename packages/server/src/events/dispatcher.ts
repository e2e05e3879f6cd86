import { PegasusError, type EventInput } from '@pegasus-workflows/contracts';
import { failpoint, type Logger } from '@pegasus-workflows/kit';
import { type Registry } from 'prom-client';
import { type ExecutionEngine } from '../executions/engine.js';
import { type Place } from '../executions/open-counts.js';
import { insertQueuedRuns, type QueuedRun } from '../executions/queued.js';
import { type ExecutionRow } from '../executions/row.js';
import { refuseIfQuarantined } from '../executions/runnable.js';
import { type RunnableWorkflow } from '../executions/workflow-cache.js';
import { type Database, type Tx } from '../infra/database.js';
import { exponentialBackoff, NotNowError, OutboxWorker, type OutboxItem } from '../infra/outbox.js';
import { type Stoppable } from '../infra/periodic.js';
import { eventDeliveries } from '../infra/schema.js';
import { planOf, readKnown, type Pair } from './dispatch-plan.js';
import { Starts } from './starts.js';

/**
 * Job: for every event, one run for each trigger that wants it.
 *
 * Boundary: takes the outbox's items of the topic EVENT. The delivery, the execution's QUEUED row and the end of the
 * item are one transaction; Temporal is asked after its commit, and by the reconciler when a crash comes in between.
 *
 * Invariants
 * 1. An (event, trigger) has at most one execution, whatever is killed or delivered again: its id is made of the two.
 * 2. An event's item ends only with the executions of all triggers that want it, in one transaction.
 * 3. A trigger whose run cannot be started (a quota, a quarantine, a missing secret) holds up no other: theirs are started, the
 *    item is tried again for what is missing, and becomes a dead letter that names the trigger and the reason.
 * 4. Nothing is taken while the server does not run workflows; events of a disabled tenant, or of one that starts too
 *    much at once, wait and count no attempt.
 * 5. A place in the tenant's quotas is taken before the row is written, and given back when none came of it.
 */
const MAXIMUM_ATTEMPTS = 12;
/** A batch takes a fraction of a second; what a killed server had is taken up by another one after this. */
const LEASE_MS = 15_000;
/** Starts under way at once; of the 48 that the server sends at once, the others are people's. */
const WIDTH = 32;
const BACKLOG = 100;
const DISABLED_RETRY_MS = 30_000;

export interface DispatcherParts {
  db: Database;
  logger: Logger;
  clock: () => Date;
  metrics: Registry;
  engine: Pick<ExecutionEngine, 'queued' | 'admission' | 'requirements' | 'workflowCache'>;
  workflowsEnabled: boolean;
}

/** A pair that may start, with all that it needs. */
interface Ready {
  pair: Pair;
  workflow: RunnableWorkflow;
  place: Place;
}

interface Prepared {
  ready: Ready[];
  failures: Map<OutboxItem, unknown>;
}

export class EventDispatcher {
  readonly #parts: DispatcherParts;
  readonly #worker: OutboxWorker;
  readonly #starts = new Starts({ width: WIDTH, backlog: BACKLOG });

  constructor(parts: DispatcherParts) {
    this.#parts = parts;
    this.#worker = new OutboxWorker({
      ...parts,
      topic: 'EVENT',
      maximumAttempts: MAXIMUM_ATTEMPTS,
      leaseMs: LEASE_MS,
      retryAfterMs: exponentialBackoff,
      ready: () => this.#starts.room(),
      together: (items, finish) => this.#dispatch(items, finish),
    });
  }

  /** Begins to dispatch; nothing at all where workflows are switched off (invariant 4). */
  start(): Stoppable {
    if (!this.#parts.workflowsEnabled) return { stop: async () => {} };
    const worker = this.#worker.start();
    return { stop: async () => void (await Promise.all([worker.stop(), this.#starts.stop()])) };
  }

  /** There is a new event: call after the commit. */
  kick(): void {
    this.#worker.kick();
  }

  /** Dispatches what is due now, at most one batch; answers how many events that were. */
  round(): Promise<number> {
    return this.#worker.round();
  }

  async #dispatch(
    items: readonly OutboxItem[],
    finish: (tx: Tx, done: readonly OutboxItem[]) => Promise<void>,
  ): Promise<ReadonlyMap<OutboxItem, unknown>> {
    const { db } = this.#parts;
    const known = await db.system((tx) =>
      readKnown(
        tx,
        items.map((item) => item.refId),
      ),
    );
    const { ready, failures } = await this.#prepare(items, planOf(known));
    const settled = { committed: false };
    let rows: ExecutionRow[] = [];
    try {
      await db.system(async (tx) => {
        rows = await insertQueuedRuns(tx, ready.map(toRun));
        await writeDeliveries(tx, ready);
        failpoint('events.before-finish');
        await finish(
          tx,
          items.filter((item) => !failures.has(item)),
        );
        failpoint('events.before-commit');
      });
      settled.committed = true;
    } finally {
      settlePlaces(ready, settled.committed ? rows : []);
    }
    failpoint('events.after-commit');
    this.#startAll(ready, rows);
    return failures;
  }

  /** Invariants 3 and 5: each pair is let in, or its item has a reason. */
  async #prepare(
    items: readonly OutboxItem[],
    plan: ReadonlyMap<string, readonly Pair[]>,
  ): Promise<Prepared> {
    const ready: Ready[] = [];
    const failures = new Map<OutboxItem, unknown>();
    const able = new Map<string, Promise<RunnableWorkflow>>();
    try {
      for (const item of items) {
        for (const pair of plan.get(item.refId) ?? []) {
          try {
            ready.push(await this.#letIn(pair, able));
          } catch (error) {
            // What is nobody's fault, such as a database that is away, is the whole batch's.
            if (!isRefusal(error)) throw error;
            if (!failures.has(item)) failures.set(item, reasonOf(error, pair));
          }
        }
      }
    } catch (error) {
      settlePlaces(ready, []);
      throw error;
    }
    // One order for all servers, so that two that write the same rows wait for each other and not in a circle.
    ready.sort((a, b) => (a.pair.executionId < b.pair.executionId ? -1 : 1));
    return { ready, failures };
  }

  /** `able` remembers within one batch what was found out about a workflow. */
  async #letIn(pair: Pair, able: Map<string, Promise<RunnableWorkflow>>): Promise<Ready> {
    const { admission } = this.#parts.engine;
    const { tenantId } = pair.event;
    const key = `${tenantId}/${pair.workflowId}`;
    const checked = able.get(key) ?? this.#requireAble(tenantId, pair.workflowId);
    able.set(key, checked);
    const workflow = await checked;
    return { pair, workflow, place: await admission.admit(tenantId) };
  }

  async #requireAble(tenantId: string, workflowId: string): Promise<RunnableWorkflow> {
    const { requirements, workflowCache } = this.#parts.engine;
    const workflow = await workflowCache.get(tenantId, workflowId);
    if (!workflow) throw new PegasusError('NOT_FOUND', 'The workflow is not there.');
    refuseIfQuarantined(workflow);
    await requirements.require(tenantId, workflowId);
    return workflow;
  }

  #startAll(ready: readonly Ready[], rows: readonly ExecutionRow[]): void {
    const inserted = new Map(rows.map((row) => [row.id, row]));
    for (const { pair, workflow } of ready) {
      const row = inserted.get(pair.executionId);
      if (row) this.#starts.add(row.tenantId, () => this.#parts.engine.queued.start(row, workflow));
    }
  }
}

/** The workflow's whole argument. */
function toRun({ pair, workflow }: Ready): QueuedRun {
  const { event, executionId, triggerId } = pair;
  const input: EventInput = {
    domainEventId: event.id,
    eventType: event.type,
    occurredAt: event.occurredAt.toISOString(),
    payload: event.payload,
  };
  return { executionId, workflow, input: { ...input }, triggerSource: 'EVENT', triggerId };
}

const CHUNK = 1_000;

async function writeDeliveries(tx: Tx, ready: readonly Ready[]): Promise<void> {
  for (let at = 0; at < ready.length; at += CHUNK) {
    const rows = ready.slice(at, at + CHUNK).map(({ pair: { event, triggerId, executionId } }) => ({
      eventId: event.id,
      triggerId,
      tenantId: event.tenantId,
      executionId,
    }));
    await tx.insert(eventDeliveries).values(rows).onConflictDoNothing();
  }
}

/** Invariant 5. `rows` are those that were written and committed. */
function settlePlaces(ready: readonly Ready[], rows: readonly ExecutionRow[]): void {
  const written = new Set(rows.map((row) => row.id));
  for (const { pair, place } of ready) {
    if (written.has(pair.executionId)) place.keep();
    else place.giveBack();
  }
}

/** Whether a failure is about this tenant or workflow, and not about the database or the code. */
function isRefusal(error: unknown): error is PegasusError {
  return error instanceof PegasusError && error.code !== 'SERVICE_UNAVAILABLE';
}

function reasonOf(error: PegasusError, { triggerId, workflowId }: Pair): Error {
  if (error.code === 'RATE_LIMITED')
    return new NotNowError(error.message, (error.retryAfterSeconds ?? 1) * 1_000);
  // Only a disabled tenant is refused like that: its events wait until it is enabled.
  if (error.code === 'FORBIDDEN') return new NotNowError(error.message, DISABLED_RETRY_MS);
  return new Error(`The trigger ${triggerId} cannot start the workflow ${workflowId}: ${error.message}`);
}
