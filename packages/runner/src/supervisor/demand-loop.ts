/**
 * Job: hold the newest demand of the server, by one long poll after the other.
 *
 * Boundary: tells `onDemand`; decides nothing. Knows the server only through `poll`.
 *
 * Invariants
 * 1. One poll is under way at a time, until `stop`.
 * 2. A server that is away changes nothing: the last demand stays in force, and it is asked again with backoff.
 * 3. The cursor sent is that of the last demand handed on.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Demand } from '@pegasus-workflows/contracts';
import { type Logger } from '@pegasus-workflows/kit';
import { backoffMs } from '../backoff.js';

const WAIT_SECONDS = 25;
const RETRY = { baseMs: 100, maxMs: 2_000 };
/** Spacing of polls when a server answers at once though nothing changed. */
const MIN_INTERVAL_MS = 100;

export class DemandLoop {
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(
    private readonly poll: (cursor: string | undefined, wait: number, signal: AbortSignal) => Promise<Demand>,
    private readonly onDemand: (demand: Demand) => void,
    private readonly logger: Logger,
  ) {}

  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends the poll under way; no demand is handed on afterwards. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let cursor: string | undefined;
    let failures = 0;
    while (!signal.aborted) {
      const askedAt = performance.now();
      let pauseMs = 0;
      try {
        const demand = await this.poll(cursor, WAIT_SECONDS, signal);
        if (signal.aborted) return;
        if (failures > 0) this.logger.info({ failures }, 'server is back');
        failures = 0;
        const quick = performance.now() - askedAt < MIN_INTERVAL_MS;
        if (demand.cursor === cursor && quick) pauseMs = MIN_INTERVAL_MS;
        cursor = demand.cursor;
        this.onDemand(demand);
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        pauseMs = backoffMs(failures, RETRY);
        // Once per outage at warn: a restart of the server is ordinary.
        this.logger[failures === 1 ? 'warn' : 'debug']({ err: error, failures }, 'demand cannot be read');
      }
      if (pauseMs > 0) await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }
}
