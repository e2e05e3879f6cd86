/**
 * Job: brings log entries to the server, in batches of one tenant each.
 *
 * Boundary: knows the server only through `send`; what an entry says is not looked at. Everything is held in memory: what
 * the supervisor held when it was killed is lost, and nothing of it was promised to anybody.
 *
 * Invariants
 * 1. Batches of one tenant are numbered and sent one after the other; one that was not answered is sent again as it was,
 *    so the server stores each once.
 * 2. At most {@link TENANT_ENTRIES} entries of a tenant, and {@link ALL_BYTES} of all, are held; what is beyond is dropped,
 *    and its log says how much that was.
 * 3. A tenant whose batches fail delays nobody else's.
 * 4. After `close` nothing is held and nothing is sent.
 * 5. A tenant's next batch waits {@link PACE} times as long as the server took for the one before: the busier the server,
 *    the less of its time goes into the log of whoever is loud.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type RunnerLogBatch, type RunnerLogEntry } from '@pegasus-workflows/contracts';
import { type Logger } from '@pegasus-workflows/kit';
import { droppedSentence } from '../../logs/line.js';
import { backoffMs } from '../../backoff.js';
import { ServerResponseError } from '../server-client.js';

export type SendLogs = (batch: RunnerLogBatch, signal: AbortSignal) => Promise<void>;

interface Held {
  entry: RunnerLogEntry;
  bytes: number;
}

interface Outbox {
  tenantId: string;
  sequence: number;
  held: Held[];
  /** Entries that found no room, by what they belong to. */
  dropped: Map<string, { entry: RunnerLogEntry; count: number }>;
  isSending: boolean;
  /** Invariant 5, by `performance.now()`. */
  restUntil: number;
}

const TENANT_ENTRIES = 10_000;
const ALL_BYTES = 64 * 1024 * 1024;
const DROPPED_KEYS = 1_000;
/** What comes together is sent together. */
const GATHER_MS = 100;
const PACE = 9;
const PAUSE_MAX_MS = 2_000;
/** A batch is one transaction, for which every other one waits where the database has a single connection: some 25 ms. */
const BATCH_ENTRIES = 100;
/** Of a batch's entries; its body is a little more. */
const BATCH_BYTES = 32 * 1024;
const RETRY = { baseMs: 200, maxMs: 5_000 };
/** A batch that the server keeps failing over is given up. */
const FAILURES_MAX = 10;
const CLOSE_MS = 3_000;

export class LogShipper {
  readonly #producer = randomUUID();
  readonly #outboxes = new Map<string, Outbox>();
  /** Ends the pauses between batches. */
  readonly #closing = new AbortController();
  readonly #stop = new AbortController();
  #bytes = 0;

  constructor(
    private readonly send: SendLogs,
    private readonly logger: Logger,
  ) {}

  push(tenantId: string, entry: RunnerLogEntry): void {
    if (this.#stop.signal.aborted) return;
    const outbox = this.#outboxOf(tenantId);
    const bytes = JSON.stringify(entry).length;
    if (outbox.held.length >= TENANT_ENTRIES || this.#bytes + bytes > ALL_BYTES) countDropped(outbox, entry);
    else {
      outbox.held.push({ entry, bytes });
      this.#bytes += bytes;
    }
    if (!outbox.isSending) void this.#empty(outbox);
  }

  /** Sends what is held, for at most {@link CLOSE_MS}. */
  async close(): Promise<void> {
    this.#closing.abort();
    const timer = setTimeout(() => this.#stop.abort(), CLOSE_MS);
    while ([...this.#outboxes.values()].some(({ isSending }) => isSending) && !this.#stop.signal.aborted)
      await delay(20);
    clearTimeout(timer);
    this.#stop.abort();
    const lost = [...this.#outboxes.values()].reduce((sum, { held }) => sum + held.length, 0);
    if (lost > 0) this.logger.warn({ lost }, 'log entries could not be brought to the server');
  }

  async #empty(outbox: Outbox): Promise<void> {
    outbox.isSending = true;
    const { signal } = this.#stop;
    try {
      while (outbox.held.length > 0 && !signal.aborted) {
        const pause = Math.max(GATHER_MS, outbox.restUntil - performance.now());
        await delay(pause, undefined, { signal: this.#closing.signal }).catch(() => undefined);
        const batch = this.#nextBatch(outbox);
        const sentAt = performance.now();
        await this.#deliver(batch, signal);
        const now = performance.now();
        outbox.restUntil = now + Math.min(PAUSE_MAX_MS, PACE * (now - sentAt));
        tellDropped(outbox, (entry) => {
          outbox.held.push({ entry, bytes: 0 });
        });
      }
    } finally {
      outbox.isSending = false;
    }
  }

  #nextBatch(outbox: Outbox): RunnerLogBatch {
    let count = 0;
    for (let bytes = 0; count < outbox.held.length && count < BATCH_ENTRIES; count++) {
      bytes += outbox.held[count]!.bytes;
      if (bytes > BATCH_BYTES && count > 0) break;
    }
    const taken = outbox.held.splice(0, count);
    this.#bytes -= taken.reduce((sum, { bytes }) => sum + bytes, 0);
    return {
      producer: this.#producer,
      sequence: ++outbox.sequence,
      tenantId: outbox.tenantId,
      entries: taken.map(({ entry }) => entry),
    };
  }

  /** Until it was answered, given up, or there is no time left. */
  async #deliver(batch: RunnerLogBatch, signal: AbortSignal): Promise<void> {
    const { tenantId } = batch;
    for (let failures = 0; !signal.aborted;) {
      try {
        return await this.send(batch, signal);
      } catch (error) {
        failures++;
        if (isFinal(error, failures)) {
          const lost = batch.entries.length;
          this.logger.error({ err: error, tenantId, lost }, 'log entries were refused and are lost');
          return;
        }
        if (failures === 1) this.logger.warn({ err: error, tenantId }, 'log entries are sent again');
        await delay(backoffMs(failures, RETRY), undefined, { signal }).catch(() => undefined);
      }
    }
  }

  #outboxOf(tenantId: string): Outbox {
    const known = this.#outboxes.get(tenantId);
    if (known) return known;
    const outbox: Outbox = {
      tenantId,
      sequence: 0,
      held: [],
      dropped: new Map(),
      isSending: false,
      restUntil: 0,
    };
    this.#outboxes.set(tenantId, outbox);
    return outbox;
  }
}

/** The server has answered, and would answer the same again. */
function isFinal(error: unknown, failures: number): boolean {
  if (!(error instanceof ServerResponseError)) return false;
  return error.isFinal || (error.status === 500 && failures >= FAILURES_MAX);
}

function countDropped({ dropped }: Outbox, entry: RunnerLogEntry): void {
  const key = entry.executionId ?? entry.workflowId ?? '';
  const known = dropped.get(key);
  if (known) known.count++;
  else if (dropped.size < DROPPED_KEYS) dropped.set(key, { entry, count: 1 });
}

function tellDropped({ dropped }: Outbox, push: (entry: RunnerLogEntry) => void): void {
  for (const { entry, count } of dropped.values()) {
    const { executionId, workflowId } = entry;
    const owner = executionId === undefined ? { workflowId } : { executionId };
    push({
      ...(owner as Pick<RunnerLogEntry, 'executionId' | 'workflowId'>),
      at: Date.now(),
      level: 'warn',
      source: 'platform',
      message: droppedSentence(count),
    });
  }
  dropped.clear();
}
