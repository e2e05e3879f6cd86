import { LIMITS, PegasusError } from '@pegasus-workflows/contracts';
import { type HonoRequest } from 'hono';
import { scanJson } from './json-scan.js';

/** Whether a `Content-Type` says JSON. */
export const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;

/**
 * The JSON body of a request; `undefined` when it is empty. Never holds more than `maxBytes`: a longer body is refused
 * from its announced length, or while it streams in.
 * Throws UNSUPPORTED_MEDIA_TYPE, PAYLOAD_TOO_LARGE, VALIDATION_ERROR.
 */
export async function readJsonBody(request: HonoRequest, maxBytes: number): Promise<unknown> {
  const bytes = await readBytes(request, maxBytes);
  if (bytes.byteLength === 0) return undefined;
  if (!JSON_TYPE.test(request.header('content-type') ?? '')) {
    throw new PegasusError(
      'UNSUPPORTED_MEDIA_TYPE',
      'The body must be sent with Content-Type: application/json.',
    );
  }
  return parseJsonBytes(bytes);
}

/**
 * What a JSON body says, unless it could not be stored or passed on unchanged.
 * Throws VALIDATION_ERROR.
 */
export function parseJsonBytes(bytes: Uint8Array): unknown {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    value = JSON.parse(text);
  } catch (error) {
    throw new PegasusError('VALIDATION_ERROR', 'The body is not valid JSON.', { cause: error });
  }
  // One level more than a run's input, because the input itself is a field of the body.
  const { depth, storable, hasProtoKey, hasInfinity } = scanJson(text);
  if (depth > LIMITS.runInputDepth + 1) {
    throw new PegasusError(
      'VALIDATION_ERROR',
      `The body is nested ${depth} levels deep; at most ${LIMITS.runInputDepth + 1} are allowed.`,
    );
  }
  if (!storable) {
    throw new PegasusError(
      'VALIDATION_ERROR',
      'The body holds a NUL character or half of a surrogate pair, which cannot be stored.',
    );
  }
  if (hasProtoKey) {
    throw new PegasusError(
      'VALIDATION_ERROR',
      'The body has the key "__proto__", which cannot be passed on unchanged; give it another name.',
    );
  }
  if (hasInfinity) {
    throw new PegasusError(
      'VALIDATION_ERROR',
      'The body has a number beyond ±1.8e308, which cannot be passed on unchanged; send it as a string.',
    );
  }
  return value;
}

/** The bytes of a body, within the same bounds. Throws PAYLOAD_TOO_LARGE. */
export async function readBytes(request: HonoRequest, maxBytes: number): Promise<Uint8Array> {
  const announced = Number(request.header('content-length') ?? Number.NaN);
  if (announced > maxBytes) throw tooLarge(maxBytes);
  // With an announced length, HTTP itself ends the body there, so it can be taken whole.
  if (announced >= 0) return new Uint8Array(await request.arrayBuffer());
  const chunks: Uint8Array[] = [];
  let received = 0;
  for await (const chunk of request.raw.body ?? []) {
    received += chunk.byteLength;
    if (received > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(maxBytes: number): PegasusError {
  return new PegasusError(
    'PAYLOAD_TOO_LARGE',
    `The body is too large; at most ${maxBytes} bytes are allowed.`,
  );
}
