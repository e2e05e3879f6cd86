import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { z } from 'zod';
import { backoffMs, delay } from './backoff.js';
import { PegasusDecodeError, isPegasusApiError } from './errors.js';
import { isTransient, type Transport } from './transport.js';

/** Nothing at all for this long, not even a sign of life, means that the connection is dead. Milliseconds. */
const SILENCE_MS = 45_000;

export interface ServerEvent {
  id: string;
  event: string;
  data: string;
}

/**
 * Events with their data, over as many connections as it takes; ends when the server says that it was the last one.
 *
 * @throws PegasusApiError as soon as the server refuses; the reason of `signal` when that is aborted
 */
export async function* serverEvents(
  transport: Transport,
  path: string,
  { signal, lastEventId }: { signal?: AbortSignal | undefined; lastEventId?: string | undefined },
): AsyncGenerator<ServerEvent, void> {
  let last = lastEventId;
  let hasConnected = false;
  for (let failures = 0; ;) {
    try {
      const headers = last === undefined ? {} : { 'Last-Event-ID': last };
      const connection = await transport.stream(path, { signal, headers, silenceMs: SILENCE_MS });
      if (!connection) return;
      hasConnected = true;
      for await (const event of parsed(connection)) {
        failures = 0;
        // Before it is dealt with: whoever goes on is past it.
        last = event.id || last;
        yield event;
      }
    } catch (error) {
      signal?.throwIfAborted();
      const isOnce = !hasConnected && failures >= transport.defaultRetry.maxRetries;
      if (isOnce || !isTransient(error)) throw error;
      const asked = isPegasusApiError(error) ? (error.retryAfterMs ?? 0) : 0;
      await delay(Math.max(asked, backoffMs(failures++)), signal);
      continue;
    }
    // The server is ending, or has ended this one for the key's sake: the next answer tells.
    await delay(backoffMs(failures++), signal);
  }
}

async function* parsed(text: AsyncIterable<string>): AsyncGenerator<ServerEvent, void> {
  const messages: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => void messages.push(message) });
  for await (const piece of text) {
    parser.feed(piece);
    for (const { id = '', event = 'message', data } of messages.splice(0)) yield { id, event, data };
  }
}

/** The data of an event as agreed. @throws PegasusDecodeError naming the field that is not */
export function readEvent<T extends z.ZodType>(schema: T, data: string, path: string): z.output<T> {
  let json: unknown;
  try {
    json = JSON.parse(data);
  } catch {
    throw new PegasusDecodeError(`GET ${path}: the data of an event is not JSON.`, { field: 'data' });
  }
  const parsedData = schema.safeParse(json);
  if (parsedData.success) return parsedData.data;
  const issue = parsedData.error.issues[0]!;
  const field = issue.path.join('.');
  throw new PegasusDecodeError(`GET ${path}: ${field || 'an event'} is not as agreed: ${issue.message}.`, {
    field,
  });
}
