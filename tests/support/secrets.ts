import { randomBytes } from 'node:crypto';

/** The secrets that a server must be given, new ones. */
export function serverSecrets(): Record<
  'PEGASUS_URL_SIGNING_KEY' | 'PEGASUS_RUNNER_TOKEN' | 'PEGASUS_MASTER_KEYS',
  string
> {
  return {
    PEGASUS_URL_SIGNING_KEY: randomBytes(32).toString('hex'),
    PEGASUS_RUNNER_TOKEN: randomBytes(32).toString('hex'),
    PEGASUS_MASTER_KEYS: masterKeys('test'),
  };
}

/** A set of random master keys of these ids; the first is the one that wraps. */
export function masterKeys(...ids: string[]): string {
  return JSON.stringify({
    keys: ids.map((kid) => ({ kty: 'oct', kid, k: randomBytes(32).toString('base64url') })),
  });
}
