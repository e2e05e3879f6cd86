import { createHmac, randomBytes } from 'node:crypto';

const SECRET_BYTES = 32;

/** A new signing secret, in the form that Standard Webhooks libraries take. */
export function newSigningSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
}

export interface SignedMessage {
  /** The same at every attempt: what a receiver tells repeats by. */
  id: string;
  at: Date;
  body: string;
}

/** The headers of Standard Webhooks, with one signature for each secret that is valid at present. */
export function signedHeaders(
  { id, at, body }: SignedMessage,
  secrets: readonly string[],
): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1_000));
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  });
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}
