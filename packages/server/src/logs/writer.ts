/**
 * Job: takes in what the supervisor hands over of the logs of runs.
 *
 * Boundary: what a worker says of a run the supervisor has checked against its tenant; here an entry is stored only with
 * an execution or a workflow version that the tenant has. Rows are `store.ts`'s, secrets `known-secrets.ts`'s.
 *
 * Invariants
 * 1. A batch is one transaction with the producer's number: however often it is sent, each entry is stored once.
 * 2. Nothing is stored before the tenant's secrets, as they are now, were taken out of it.
 */
import { type RunnerLogBatch, type RunnerLogEntry } from '@pegasus-workflows/contracts';
import { failpoint } from '@pegasus-workflows/kit';
import { and, eq, inArray } from 'drizzle-orm';
import { type Services } from '../infra/context.js';
import { type Tx } from '../infra/database.js';
import { executions, workflows } from '../infra/schema.js';
import { type LogFeed } from './feed.js';
import { KnownSecrets } from './known-secrets.js';
import { type Redactor } from './redactor.js';
import { advance, append, type LogStream } from './store.js';

export class LogWriter {
  readonly #services: Pick<Services, 'db' | 'clock'>;
  readonly #secrets: KnownSecrets;
  readonly #feed: LogFeed;

  constructor(services: Pick<Services, 'db' | 'vault' | 'clock'>, feed: LogFeed) {
    this.#services = services;
    this.#secrets = new KnownSecrets(services);
    this.#feed = feed;
  }

  /** Answers how many entries were stored now. Throws SERVICE_UNAVAILABLE when they could not be redacted. */
  async take({ producer, sequence, tenantId, entries }: RunnerLogBatch): Promise<number> {
    const redactor = await this.#secrets.redactor(tenantId);
    const clean = entries.map((entry) => redacted(entry, redactor));
    const now = this.#services.clock();
    const touched = await this.#services.db.tenant(tenantId, async (tx) => {
      const streams = await streamsOf(tx, tenantId, clean);
      if (streams.size === 0 || !(await advance(tx, { tenantId, producer, sequence }, now))) return [];
      const inOrder = [...streams.values()].sort((a, b) => (a.stream.streamId < b.stream.streamId ? -1 : 1));
      for (const { stream, entries: own } of inOrder) await append(tx, stream, own, now);
      return inOrder;
    });
    failpoint('logs.stored');
    for (const { stream } of touched) this.#feed.tell(stream.streamId);
    return touched.reduce((sum, { entries: own }) => sum + own.length, 0);
  }
}

interface Part {
  stream: LogStream;
  entries: RunnerLogEntry[];
}

/** The entries by the streams that they belong to; those of nobody known are in none. */
async function streamsOf(
  tx: Tx,
  tenantId: string,
  entries: readonly RunnerLogEntry[],
): Promise<Map<string, Part>> {
  const executionIds = idsOf(entries, ({ executionId }) => executionId);
  const workflowIds = idsOf(entries, ({ executionId, workflowId }) => (executionId ? undefined : workflowId));
  const known = new Map<string, LogStream>();
  if (executionIds.length > 0) {
    const rows = await tx
      .select({ id: executions.id })
      .from(executions)
      .where(and(eq(executions.tenantId, tenantId), inArray(executions.id, executionIds)));
    for (const { id } of rows) known.set(id, { tenantId, streamId: id, executionId: id });
  }
  if (workflowIds.length > 0) {
    // Of a GLOBAL version the tenant's worker is its own.
    const rows = await tx
      .select({ id: workflows.id })
      .from(workflows)
      .where(inArray(workflows.id, workflowIds));
    for (const { id } of rows) known.set(id, { tenantId, streamId: id, executionId: null });
  }
  const parts = new Map<string, Part>();
  for (const entry of entries) {
    const stream = known.get(entry.executionId ?? entry.workflowId ?? '');
    if (!stream) continue;
    const part = parts.get(stream.streamId) ?? { stream, entries: [] };
    parts.set(stream.streamId, part);
    part.entries.push(entry);
  }
  return parts;
}

function idsOf(
  entries: readonly RunnerLogEntry[],
  idOf: (entry: RunnerLogEntry) => string | undefined,
): string[] {
  return [...new Set(entries.map(idOf).filter((id) => id !== undefined))];
}

function redacted(entry: RunnerLogEntry, redactor: Redactor): RunnerLogEntry {
  const clean = redactor.text;
  const { attributes, activityType, activityId, runId, childWorkflowId } = entry;
  return {
    ...entry,
    message: clean(entry.message, entry.truncated),
    ...(attributes ? { attributes: redactor.json(attributes) as Record<string, unknown> } : {}),
    ...(activityType === undefined ? {} : { activityType: clean(activityType) }),
    ...(activityId === undefined ? {} : { activityId: clean(activityId) }),
    ...(runId === undefined ? {} : { runId: clean(runId) }),
    ...(childWorkflowId === undefined ? {} : { childWorkflowId: clean(childWorkflowId) }),
  };
}
