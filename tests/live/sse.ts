import { type EventSourceMessage } from 'eventsource-parser';
import { EventSourceParserStream } from 'eventsource-parser/stream';

export interface Told {
  id: string;
  event: string;
  data: any;
}

/** The events of a stream's answer; leaving the loop cuts the connection. */
export async function* eventsOf(response: Response): AsyncGenerator<Told, void> {
  const bytes = response.body! as ReadableStream<BufferSource>;
  const events = bytes.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
  const reader: ReadableStreamDefaultReader<EventSourceMessage> = events.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield { id: value.id ?? '', event: value.event ?? '', data: JSON.parse(value.data) };
    }
  } finally {
    await reader.cancel();
  }
}

/** The first event that fits; those before it are dropped. */
export async function nextOf(
  events: AsyncGenerator<Told, void>,
  fits: (told: Told) => boolean,
): Promise<Told> {
  for (;;) {
    const { done, value } = await events.next();
    if (done) throw new Error('the stream ended before such an event');
    if (fits(value)) return value;
  }
}
