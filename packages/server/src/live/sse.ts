import { setTimeout as pause } from 'node:timers/promises';
import { type Logger } from '@pegasus-workflows/kit';
import { errorForLog } from '../infra/error-log.js';

/** One server-sent event; `data` becomes JSON. */
export interface LiveEvent {
  id: string;
  event: string;
  data: unknown;
}

export interface StreamLimits {
  /** How often something is sent when nothing happens, so that proxies keep the connection and clients see it is alive. */
  heartbeatMs: number;
  /** A reader that takes nothing for this long is cut off; it can go on with `Last-Event-ID`. */
  stalledMs: number;
}

export interface StreamParts {
  events: AsyncGenerator<LiveEvent, void>;
  /** Ends `events`; aborted by the body too, when its reader goes. */
  ending: AbortController;
  limits: StreamLimits;
  /** Called once, when the stream is over, however it ended. */
  onEnd: () => void;
  logger: Logger;
}

/** How long a client waits before it connects again, in milliseconds. */
const RETRY_MS = 1_000;

/**
 * The body of a stream of server-sent events. Nothing is asked of `events` before the reader asks for it: a slow reader
 * slows its own stream down, and holds at most one event here.
 */
export function sseBody({ events, ending, limits, onEnd, logger }: StreamParts): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let pending: Promise<IteratorResult<LiveEvent, void>> | undefined;
  let stalled: NodeJS.Timeout | undefined;
  let hasBegun = false;
  let isOver = false;
  const end = (): void => {
    clearTimeout(stalled);
    if (isOver) return;
    isOver = true;
    ending.abort();
    // A generator that is waiting ends when that wait does.
    void events.return().catch(() => {});
    onEnd();
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        clearTimeout(stalled);
        const send = (text: string): void => {
          controller.enqueue(encoder.encode(text));
          stalled = setTimeout(() => {
            end();
            controller.error(new Error('the reader of a live stream took nothing for too long'));
          }, limits.stalledMs);
        };
        if (!hasBegun) {
          hasBegun = true;
          return send(`retry: ${RETRY_MS}\n\n`);
        }
        try {
          pending ??= events.next();
          const next = await within(limits.heartbeatMs, pending);
          if (isOver) return;
          if (!next) return send(':\n\n');
          pending = undefined;
          if (!next.done) return send(textOf(next.value));
        } catch (error) {
          if (isOver) return;
          // The head is sent: all that can be said is that it ends, and the client connects again.
          logger.warn({ error: errorForLog(error) }, 'a live stream failed');
        }
        end();
        controller.close();
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  );
}

/** `id`, `event` and `data` are of one line each: JSON has no line feeds. */
function textOf({ id, event, data }: LiveEvent): string {
  return `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  const tooLate = new AbortController();
  try {
    const late = pause(ms, undefined, { signal: tooLate.signal }).catch(() => undefined);
    return await Promise.race([promise, late]);
  } finally {
    tooLate.abort();
  }
}
