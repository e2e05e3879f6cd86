import { EventSourceParserStream, type EventSourceMessage } from 'eventsource-parser/stream';
import { z } from 'zod';
import { callPieceSchema, CallPieces } from './ai-sdk-calls.js';
import { EngineError } from './engine.js';

/**
 * Job: what goes over the wire between the provider and the model's server, for one try.
 *
 * Boundary: a `fetch` that is given to the provider, which reads everything but the calls of tools.
 *
 * Invariants
 * 1. A redirect is not followed: the prompt and the key go to the address that was configured, and nowhere else.
 * 2. No more bytes of an answer are read than {@link mostBytes} says, and few of one that says no.
 * 3. Calls of tools are kept here as the model wrote them; the provider gets the answer without them.
 */
export class Wire {
  readonly #pieces = new CallPieces();
  #hasBegun = false;

  constructor(
    private readonly base: typeof globalThis.fetch,
    private readonly maxTokensOut: number,
  ) {}

  /** Whether the server has said anything of its answer: from then on it may have been paid for. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  get calls(): CallPieces['calls'] {
    return this.#pieces.calls;
  }

  readonly fetch: typeof globalThis.fetch = async (input, init) => {
    // Invariant 1.
    const response = await this.base(input, { ...init, redirect: 'manual' });
    const { body, status, statusText, headers } = response;
    if (!body) return response;
    const read = response.ok
      ? body
          .pipeThrough(atMost(mostBytes(this.maxTokensOut), this.maxTokensOut))
          .pipeThrough(new TextDecoderStream())
          .pipeThrough(new EventSourceParserStream())
          .pipeThrough(this.#withoutCalls())
          .pipeThrough(new TextEncoderStream())
      : body.pipeThrough(firstOf(MOST_ERROR_BYTES));
    return new Response(read, { status, statusText, headers });
  };

  /** Invariant 3. */
  #withoutCalls(): TransformStream<EventSourceMessage, string> {
    return new TransformStream({
      transform: ({ data }, controller) => {
        this.#hasBegun = true;
        // What has several lines is one event whose lines each have the field's name.
        const text = this.#keepCalls(data);
        controller.enqueue(`data: ${text.replaceAll('\n', '\ndata: ')}\n\n`);
      },
    });
  }

  #keepCalls(data: string): string {
    const chunk = jsonOf(data);
    const parsed = chunkSchema.safeParse(chunk);
    // What is no chunk, or has calls that are none, is the provider's to refuse.
    if (!parsed.success) return data;
    const [choice] = parsed.data.choices;
    const { tool_calls: pieces, ...delta } = choice.delta;
    for (const piece of pieces) this.#pieces.add(piece);
    return JSON.stringify({ ...parsed.data, choices: [{ ...choice, delta }] });
  }
}

const MOST_ERROR_BYTES = 65_536;

/** A token is a few bytes, in an envelope of a few hundred. */
export function mostBytes(maxTokensOut: number): number {
  return 1_048_576 + 1_024 * maxTokensOut;
}

const chunkSchema = z.looseObject({
  choices: z.tuple(
    [z.looseObject({ delta: z.looseObject({ tool_calls: z.array(callPieceSchema) }) })],
    z.unknown(),
  ),
});

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

type Bytes = Uint8Array<ArrayBuffer>;

/** Invariant 2. */
function atMost(most: number, maxTokensOut: number): TransformStream<Bytes, Bytes> {
  let bytes = 0;
  return new TransformStream({
    transform(chunk, controller) {
      bytes += chunk.byteLength;
      if (bytes > most)
        throw new EngineError(
          `The model's server sent more than ${most} bytes for an answer of at most ${maxTokensOut} tokens.`,
        );
      controller.enqueue(chunk);
    },
  });
}

/** What comes after is not waited for. */
function firstOf(most: number): TransformStream<Bytes, Bytes> {
  let left = most;
  return new TransformStream({
    transform(chunk, controller) {
      controller.enqueue(chunk.subarray(0, left));
      left -= chunk.byteLength;
      if (left <= 0) controller.terminate();
    },
  });
}
