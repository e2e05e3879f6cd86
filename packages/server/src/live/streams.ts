import { LIMITS, PegasusError } from '@pegasus-workflows/contracts';
import { type Logger } from '@pegasus-workflows/kit';
import { sseBody, type LiveEvent, type StreamLimits } from './sse.js';

/**
 * Job: the streams that this server holds open: how many, for whom, and until when.
 *
 * Boundary: what is told on them is the generators' of the files beside this one.
 *
 * Invariants
 * 1. A tenant has at most {@link LIMITS.liveStreams} open here; one more is refused before it begins.
 * 2. A stream whose key has been revoked, has expired or lost the action ends within {@link StreamSettings.recheckMs}.
 * 3. A stream gives its place back exactly once, however it ends.
 * 4. After {@link LiveStreams.stop} none is open and none begins.
 */
export interface StreamSettings extends StreamLimits {
  /** How often it is asked whether the key still may. Milliseconds. */
  recheckMs: number;
  perTenant: number;
}

export const STREAM_SETTINGS: StreamSettings = {
  heartbeatMs: 15_000,
  stalledMs: 60_000,
  recheckMs: 10_000,
  perTenant: LIMITS.liveStreams,
};

export interface StreamRequest {
  tenantId: string;
  /** Rejects with UNAUTHENTICATED, or answers false, once the caller may not look any more. */
  mayStill: () => Promise<boolean>;
  events: (signal: AbortSignal) => AsyncGenerator<LiveEvent, void>;
}

export class LiveStreams {
  readonly #settings: StreamSettings;
  readonly #logger: Logger;
  readonly #open = new Map<AbortController, string>();
  #isStopped = false;

  constructor(settings: StreamSettings, logger: Logger) {
    this.#settings = settings;
    this.#logger = logger;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Begins a stream. Throws CONCURRENCY_LIMIT, SERVICE_UNAVAILABLE. */
  begin({ tenantId, mayStill, events }: StreamRequest): Response {
    if (this.#isStopped)
      throw new PegasusError('SERVICE_UNAVAILABLE', 'The server is ending; connect again.');
    const mine = [...this.#open.values()].filter((one) => one === tenantId).length;
    if (mine >= this.#settings.perTenant) {
      const sentence = `Your tenant has ${mine} live streams open, which is the limit; close one first.`;
      throw new PegasusError('CONCURRENCY_LIMIT', sentence);
    }
    const ending = new AbortController();
    this.#open.set(ending, tenantId);
    const recheck = setInterval(() => {
      mayStill().then(
        (may) => may || ending.abort(),
        (error: unknown) => {
          // A database that does not answer now says nothing about the key.
          if (error instanceof PegasusError && error.code === 'UNAUTHENTICATED') ending.abort();
        },
      );
    }, this.#settings.recheckMs);
    const body = sseBody({
      events: events(ending.signal),
      ending,
      limits: this.#settings,
      logger: this.#logger,
      onEnd: () => {
        clearInterval(recheck);
        this.#open.delete(ending);
      },
    });
    return new Response(body, { headers: STREAM_HEADERS });
  }

  /** Ends every stream; clients connect again, to another server or to this one's successor. */
  stop(): void {
    this.#isStopped = true;
    for (const ending of this.#open.keys()) ending.abort();
  }
}

/** `X-Accel-Buffering`: nginx would hold events back. */
export const STREAM_HEADERS = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store',
  'X-Accel-Buffering': 'no',
};
