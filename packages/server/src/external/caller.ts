import { setTimeout as delay } from 'node:timers/promises';
import {
  EXTERNAL_ANSWER_BYTES,
  EXTERNAL_CALL_SECONDS,
  PegasusError,
  retryAfterMs,
  type ConnectionTest,
  type ExternalAnswer,
  type testConnectionRequestSchema,
} from '@pegasus-workflows/contracts';
import { KeyedCount, type Logger } from '@pegasus-workflows/kit';
import { type Counter } from 'prom-client';
import { type z } from 'zod';
import { type Principal, type Services } from '../infra/context.js';
import { safeFetch, wasNeverSent, type SafeResponse } from '@pegasus-workflows/kit/safe-fetch';
import { toAnswer } from './answer.js';
import { type Connections } from './connections.js';
import { credentialsOf, type Credentials, type ReadSecret } from './credentials.js';
import { OAuthTokens } from './oauth.js';
import { encodeRequest, type CallBody, type EncodedRequest } from './request.js';
import { backoffMs, isPassing, mayRepeat } from './retry.js';
import { authOf, type ConnectionRow } from './store.js';
import { targetOf } from './target.js';

/**
 * Job: calls outside APIs for workflows, as a connection says, so that no workflow holds a credential.
 *
 * Boundary: `safe-fetch.ts` makes each attempt and decides where it may lead; nothing is written.
 *
 * Invariants
 * 1. A call never leaves its connection's base URL by its path, and carries no credential but the connection's.
 * 2. A call is made again only when that does no harm: its method is idempotent, it has an idempotency key, it certainly
 *    did not arrive, or it was refused with 401 and there is a newer token, once.
 * 3. All of it ends within {@link EXTERNAL_CALL_SECONDS}: a wait that would not is not begun, and what there is is the
 *    answer.
 * 4. At most {@link AT_ONCE} calls of one tenant are under way, so that one that hangs takes no more than its part.
 * 5. No credential, header value, path or body is in a log or an error.
 */
const AT_ONCE = 32;
/** An attempt that would have less is not worth beginning. */
const LEAST_MS = 1_000;

export interface CallerParts {
  services: Services;
  connections: Connections;
  readSecret: ReadSecret;
  logger: Logger;
  calls: Counter<'result'>;
}

interface Prepared {
  row: ConnectionRow;
  url: URL;
  encoded: EncodedRequest;
}

interface Outcome {
  answer: Omit<ExternalAnswer, 'attempts' | 'durationMs'>;
  attempts: number;
}

export class ExternalCaller {
  readonly #parts: CallerParts;
  readonly #tokens: OAuthTokens;
  readonly #underWay = new KeyedCount();

  constructor(parts: CallerParts) {
    const { settings, clock } = parts.services;
    this.#parts = parts;
    this.#tokens = new OAuthTokens(() => settings.egress, clock);
  }

  /**
   * Any status is an answer. Throws NOT_FOUND (no connection), CONFLICT (disabled), VALIDATION_ERROR, PAYLOAD_TOO_LARGE,
   * REQUIREMENTS_MISSING, RATE_LIMITED, EXTERNAL_ADDRESS_REFUSED, and UPSTREAM_ERROR when no answer came.
   */
  async call(principal: Principal, connection: string, request: CallBody): Promise<ExternalAnswer> {
    const prepared = await this.prepare(principal, connection, request);
    const begun = performance.now();
    const durationMs = (): number => Math.round(performance.now() - begun);
    const { logger, calls } = this.#parts;
    const told = { tenantId: principal.tenantId, connection: prepared.row.name, method: request.method };
    try {
      const { answer, attempts } = await this.#withinShare(principal.tenantId, () =>
        this.#attempts(prepared, request),
      );
      calls.inc({ result: `${Math.floor(answer.status / 100)}xx` });
      logger.info({ ...told, status: answer.status, attempts, ms: durationMs() }, 'external call');
      return { ...answer, attempts, durationMs: durationMs() };
    } catch (error) {
      const code = error instanceof PegasusError ? error.code : 'INTERNAL_ERROR';
      calls.inc({ result: code });
      logger.info({ ...told, code, ms: durationMs() }, 'external call without an answer');
      throw error;
    }
  }

  /** Everything that can be said of a call without making it; throws as {@link ExternalCaller.call} does. */
  async prepare(principal: Principal, connection: string, request: CallBody): Promise<Prepared> {
    const row = await this.#parts.connections.find(principal, connection);
    if (!row.enabled) {
      throw new PegasusError('CONFLICT', `The connection ${JSON.stringify(row.name)} is disabled.`);
    }
    const url = targetOf(row.baseUrl, request.path, request.query);
    const encoded = encodeRequest(request);
    const authentication = authOf(row);
    if (
      authentication.auth === 'API_KEY' &&
      authentication.authConfig.header.toLowerCase() in encoded.headers
    ) {
      throw new PegasusError(
        'VALIDATION_ERROR',
        `headers: ${JSON.stringify(authentication.authConfig.header)} carries the key of the connection; leave it out.`,
      );
    }
    return { row, url, encoded };
  }

  /** One read that is never repeated, also of a connection that is disabled. */
  async test(
    principal: Principal,
    connection: string,
    { method, path }: z.output<typeof testConnectionRequestSchema>,
  ): Promise<ConnectionTest> {
    const row = await this.#parts.connections.find(principal, connection);
    const request: CallBody = { method, path, bodyEncoding: 'json', maxAttempts: 1 };
    const url = targetOf(row.baseUrl, path);
    const begun = performance.now();
    const outcome = await this.#withinShare(row.tenantId, () =>
      this.#attempts({ row, url, encoded: encodeRequest(request) }, request),
    ).catch((error: unknown) => {
      if (error instanceof PegasusError) return error;
      throw error;
    });
    const durationMs = Math.round(performance.now() - begun);
    if (outcome instanceof PegasusError) {
      return { ok: false, status: null, error: outcome.message, durationMs };
    }
    const { status } = outcome.answer;
    const error = verdictOf(status);
    return { ok: error === null, status, error, durationMs };
  }

  /** Invariants 2 and 3. */
  async #attempts(prepared: Prepared, request: CallBody): Promise<Outcome> {
    const deadline = performance.now() + EXTERNAL_CALL_SECONDS * 1_000;
    const isRepeatable = mayRepeat(request.method, request.idempotencyKey);
    let renewals = 0;
    for (let attempts = 1; ; attempts += 1) {
      const credentials = await this.#credentials(prepared.row);
      const left = deadline - performance.now();
      const result = await this.#attempt(prepared, request, credentials, left);
      const failures = attempts - renewals;
      if (!(result instanceof PegasusError) && result.status === 401 && renewals === 0) {
        renewals = (await credentials.refused()) ? 1 : 0;
        if (renewals === 1) continue;
      }
      const again =
        failures < request.maxAttempts &&
        (result instanceof PegasusError
          ? result.code === 'UPSTREAM_ERROR' && (isRepeatable || wasNeverSent(result))
          : isRepeatable && isPassing(result.status));
      const wait = Math.max(backoffMs(failures), askedWaitMs(result, this.#parts.services.clock()));
      if (!again || performance.now() + wait + LEAST_MS > deadline) {
        if (result instanceof PegasusError) throw result;
        return { answer: toAnswer(result, credentials.secrets), attempts };
      }
      await delay(wait);
    }
  }

  async #attempt(
    { row, url, encoded }: Prepared,
    { method, timeoutSeconds }: CallBody,
    credentials: Credentials,
    leftMs: number,
  ): Promise<SafeResponse | PegasusError> {
    try {
      return await safeFetch(
        url,
        {
          method,
          headers: { ...encoded.headers, ...credentials.headers },
          body: encoded.body,
          timeoutMs: Math.max(
            1,
            Math.min((timeoutSeconds ?? row.timeoutSeconds) * 1_000, Math.floor(leftMs)),
          ),
          maxResponseBytes: EXTERNAL_ANSWER_BYTES,
          redirect: 'follow',
        },
        this.#parts.services.settings.egress,
      );
    } catch (error) {
      if (error instanceof PegasusError) return error;
      throw error;
    }
  }

  #credentials(row: ConnectionRow): Promise<Credentials> {
    return credentialsOf(row, this.#parts.readSecret, this.#tokens);
  }

  /** Invariant 4. */
  async #withinShare<T>(tenantId: string, work: () => Promise<T>): Promise<T> {
    if (this.#underWay.of(tenantId) >= AT_ONCE) {
      throw new PegasusError(
        'RATE_LIMITED',
        `${AT_ONCE} external calls of this tenant are under way; try again when one has ended.`,
        { retryAfterSeconds: 1 },
      );
    }
    this.#underWay.begin(tenantId);
    try {
      return await work();
    } finally {
      this.#underWay.end(tenantId);
    }
  }
}

function askedWaitMs(result: SafeResponse | PegasusError, now: Date): number {
  return result instanceof PegasusError
    ? 0
    : (retryAfterMs(result.headers['retry-after'], now.getTime()) ?? 0);
}

function verdictOf(status: number): string | null {
  if (status === 401 || status === 403) return `The credentials were refused (status ${status}).`;
  return status >= 500 ? `The other side failed (status ${status}).` : null;
}
