import {
  EXTERNAL_REQUEST_BYTES,
  PegasusError,
  RESERVED_EXTERNAL_HEADERS,
  type callExternalBodySchema,
} from '@pegasus-workflows/contracts';
import { type z } from 'zod';
import { checkHeaders } from '@pegasus-workflows/kit/safe-fetch';

export type CallBody = z.output<typeof callExternalBodySchema>;

const CONTENT_TYPES = {
  json: 'application/json',
  text: 'text/plain; charset=utf-8',
  base64: 'application/octet-stream',
};
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const WITHOUT_BODY = new Set(['GET', 'HEAD']);

/** Body and headers of a call as they are sent, but for the credentials. */
export interface EncodedRequest {
  headers: Record<string, string>;
  body: Buffer | undefined;
}

/** Throws VALIDATION_ERROR, PAYLOAD_TOO_LARGE; no message holds a value. */
export function encodeRequest(request: CallBody): EncodedRequest {
  const given = Object.entries(request.headers ?? {});
  const reserved = given.find(([name]) => RESERVED_EXTERNAL_HEADERS.test(name));
  if (reserved) {
    throw new PegasusError(
      'VALIDATION_ERROR',
      `headers: ${JSON.stringify(reserved[0])} is set by the platform; leave it out.`,
      { hint: 'Credentials belong to the connection; an idempotency key is idempotencyKey.' },
    );
  }
  const headers = Object.fromEntries(given.map(([name, value]) => [name.toLowerCase(), value]));
  checkHeaders(headers);
  const body = encodeBody(request);
  return {
    headers: {
      accept: 'application/json, */*;q=0.5',
      'user-agent': 'Pegasus-Workflows',
      ...(body ? { 'content-type': CONTENT_TYPES[request.bodyEncoding] } : {}),
      ...headers,
      ...(request.idempotencyKey === undefined ? {} : { 'idempotency-key': request.idempotencyKey }),
    },
    body,
  };
}

function encodeBody({ method, body, bodyEncoding }: CallBody): Buffer | undefined {
  if (body === undefined) return undefined;
  if (WITHOUT_BODY.has(method)) {
    throw new PegasusError('VALIDATION_ERROR', `body: must be left out of a ${method}.`);
  }
  if (bodyEncoding !== 'json' && typeof body !== 'string') {
    throw new PegasusError(
      'VALIDATION_ERROR',
      `body: must be a string when bodyEncoding is ${bodyEncoding}.`,
    );
  }
  if (bodyEncoding === 'base64' && !BASE64.test(body as string)) {
    throw new PegasusError('VALIDATION_ERROR', 'body: must be base64 when bodyEncoding is base64.');
  }
  const bytes =
    bodyEncoding === 'json'
      ? Buffer.from(JSON.stringify(body))
      : Buffer.from(body as string, bodyEncoding === 'text' ? 'utf8' : 'base64');
  if (bytes.length <= EXTERNAL_REQUEST_BYTES) return bytes;
  throw new PegasusError(
    'PAYLOAD_TOO_LARGE',
    `The body of an external call must be at most ${EXTERNAL_REQUEST_BYTES} bytes; this one has ${bytes.length}.`,
  );
}
