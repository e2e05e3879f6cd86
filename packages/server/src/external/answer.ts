import { isUtf8 } from 'node:buffer';
import { MASKED, type ExternalAnswer } from '@pegasus-workflows/contracts';
import { type SafeResponse } from '@pegasus-workflows/kit/safe-fetch';

/** What belongs to the connection that has ended, or to a session that is the platform's. */
const NOT_PASSED_ON =
  /^(set-cookie2?|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|www-authenticate)$/;
/** A shorter one may be anything. */
const SHORTEST_MASKED = 8;

/**
 * An answer as a workflow gets it: JSON parsed, text as text, anything else base64. Where the other side repeats one of
 * `secrets`, as echoing services do, it is masked: it would be kept in the run's history.
 */
export function toAnswer(
  { status, headers, body }: SafeResponse,
  secrets: readonly string[],
): Omit<ExternalAnswer, 'attempts' | 'durationMs'> {
  const mask = maskerOf(secrets);
  const passedOn = Object.entries(headers).filter(([name]) => !NOT_PASSED_ON.test(name));
  return {
    status,
    headers: Object.fromEntries(passedOn.map(([name, value]) => [name, mask(value)])),
    ...decoded(body, headers['content-type'] ?? '', mask),
  };
}

function decoded(
  body: Buffer,
  contentType: string,
  mask: (text: string) => string,
): Pick<ExternalAnswer, 'body' | 'bodyEncoding'> {
  if (body.length === 0) return { body: null, bodyEncoding: 'none' };
  // Also text may hold a NUL, which no JSON column can.
  if (!isUtf8(body) || body.includes(0)) return { body: body.toString('base64'), bodyEncoding: 'base64' };
  const text = mask(body.toString('utf8'));
  if (!/^[^;]*[/+]json\s*(;|$)/i.test(contentType)) return { body: text, bodyEncoding: 'text' };
  try {
    return { body: JSON.parse(text), bodyEncoding: 'json' };
  } catch {
    return { body: text, bodyEncoding: 'text' };
  }
}

function maskerOf(secrets: readonly string[]): (text: string) => string {
  const masked = secrets.filter((secret) => secret.length >= SHORTEST_MASKED);
  return (text) => masked.reduce((rest, secret) => rest.replaceAll(secret, MASKED), text);
}
