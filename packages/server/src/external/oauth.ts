import { createHash } from 'node:crypto';
import { PegasusError, type ClientCredentialsConfig } from '@pegasus-workflows/contracts';
import { z } from 'zod';
import { type EgressPolicy } from '@pegasus-workflows/kit/egress';
import { safeFetch } from '@pegasus-workflows/kit/safe-fetch';

/**
 * Job: access tokens of OAuth2 client credentials (RFC 6749, 4.4), fetched when they are needed and kept while they last.
 *
 * Boundary: this process's memory; the client's secret is the caller's to read.
 *
 * Invariants
 * 1. One request at a time for one client of one connection: whoever needs the token meanwhile waits for the same one.
 * 2. A token is used only by the connection, the client and the secret it was given for: a change of any fetches anew.
 * 3. A token is not used in its last seconds, and a failure is not remembered.
 * 4. No token, no secret and nothing of the endpoint's answer is in any error.
 */
export interface TokenClient {
  /** Whose it is: tenant and connection. */
  owner: string;
  config: ClientCredentialsConfig;
  secret: string;
}

interface Held {
  token: Promise<string>;
  /** Infinity until it is known. */
  expiresAt: number;
}

const answerSchema = z.object({
  access_token: z.string().regex(/^[\x21-\x7e]{1,16384}$/),
  // Some leave it out, and mean a bearer token.
  token_type: z
    .string()
    .regex(/^bearer$/i)
    .optional(),
  expires_in: z.coerce.number().positive().optional(),
});

const CAPACITY = 1_000;
const TIMEOUT_MS = 15_000;
const ANSWER_BYTES = 256 * 1024;
/** For an endpoint that does not say. */
const DEFAULT_SECONDS = 300;
const SKEW_SECONDS = 30;

export class OAuthTokens {
  readonly #held = new Map<string, Held>();

  constructor(
    private readonly policy: () => EgressPolicy,
    private readonly clock: () => Date,
  ) {}

  /** Throws UPSTREAM_ERROR and EXTERNAL_ADDRESS_REFUSED. */
  get(client: TokenClient): Promise<string> {
    const key = keyOf(client);
    const present = this.#held.get(key);
    if (present && present.expiresAt > this.clock().getTime()) return present.token;
    const held: Held = { token: Promise.resolve(''), expiresAt: Number.POSITIVE_INFINITY };
    held.token = this.#fetch(client, held).catch((error: unknown) => {
      if (this.#held.get(key) === held) this.#held.delete(key);
      throw error;
    });
    this.#held.delete(key);
    this.#held.set(key, held);
    if (this.#held.size > CAPACITY) this.#held.delete(this.#held.keys().next().value!);
    return held.token;
  }

  /** The other side has refused this token. One that has been fetched since stays. */
  async refused(client: TokenClient, token: string): Promise<void> {
    const key = keyOf(client);
    const held = this.#held.get(key);
    if (held && (await held.token.catch(() => token)) === token && this.#held.get(key) === held) {
      this.#held.delete(key);
    }
  }

  async #fetch(client: TokenClient, held: Held): Promise<string> {
    const { status, body } = await safeFetch(
      client.config.tokenUrl,
      {
        method: 'POST',
        ...requestOf(client),
        timeoutMs: TIMEOUT_MS,
        maxResponseBytes: ANSWER_BYTES,
        redirect: 'manual',
      },
      this.policy(),
    );
    if (status < 200 || status >= 300) {
      const isRefusal = status === 400 || status === 401 || status === 403;
      throw failed(
        `it answered ${status}`,
        isRefusal ? 'Check client id, client secret, scope and authStyle of the connection.' : undefined,
      );
    }
    const answer = answerSchema.safeParse(parsed(body));
    if (!answer.success) throw failed('its answer holds no bearer token');
    const seconds = answer.data.expires_in ?? DEFAULT_SECONDS;
    const usable = seconds - Math.min(SKEW_SECONDS, seconds / 10);
    held.expiresAt = this.clock().getTime() + usable * 1_000;
    return answer.data.access_token;
  }
}

function requestOf({ config, secret }: TokenClient): { headers: Record<string, string>; body: string } {
  const { clientId, scope, audience, authStyle } = config;
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  if (scope !== undefined) form.set('scope', scope);
  if (audience !== undefined) form.set('audience', audience);
  const headers: Record<string, string> = {
    'content-type': 'application/x-www-form-urlencoded',
    accept: 'application/json',
    'user-agent': 'Pegasus-Workflows',
  };
  if (authStyle === 'body') {
    form.set('client_id', clientId);
    form.set('client_secret', secret);
  } else {
    // RFC 6749, 2.3.1: both are form-encoded before they are joined.
    const pair = `${formEncoded(clientId)}:${formEncoded(secret)}`;
    headers['authorization'] = `Basic ${Buffer.from(pair).toString('base64')}`;
  }
  return { headers, body: form.toString() };
}

function formEncoded(text: string): string {
  return new URLSearchParams({ x: text }).toString().slice(2);
}

function keyOf({ owner, config, secret }: TokenClient): string {
  return createHash('sha256')
    .update(JSON.stringify([owner, config, secret]))
    .digest('base64');
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

function failed(why: string, hint?: string): PegasusError {
  return new PegasusError(
    'UPSTREAM_ERROR',
    `The token endpoint of the connection gave no token: ${why}.`,
    hint === undefined ? {} : { hint },
  );
}
