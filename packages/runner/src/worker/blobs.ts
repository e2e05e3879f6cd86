import { setTimeout as delay } from 'node:timers/promises';
import { sha256Of, type PayloadBlobs } from '@pegasus-workflows/kit/payloads';
import { ApplicationFailure } from '@temporalio/common';
import { z } from 'zod';
import { backoffMs } from '../backoff.js';

/**
 * Job: large payloads of a tenant, kept by the server; a tenant's worker reaches it through the supervisor.
 *
 * Boundary: bytes in, bytes out; what is in them is the codec's.
 *
 * Invariants
 * 1. `put` resolves once the server has said that the bytes are safe, and not before.
 * 2. A server that is away for less than {@link PATIENCE_MS} is waited for: its restart fails no activity.
 * 3. A refusal for good (too large) fails the activity for good; one of the quota may be over at the next attempt.
 */
const PATIENCE_MS = 60_000;
const PAUSE = { baseMs: 100, maxMs: 2_000 };
/** A try that takes longer counts as failed. */
const TRY_MS = 60_000;

const refusalSchema = z.object({ error: z.string(), code: z.string() });
/** Read before tenant code can change it. */
const { fetch } = globalThis;

export interface BlobTarget {
  url: string | URL;
  headers?: Record<string, string>;
}

export class RemoteBlobs implements PayloadBlobs {
  constructor(
    private readonly target: (sha256: string) => BlobTarget,
    private readonly patienceMs = PATIENCE_MS,
  ) {}

  async put(bytes: Uint8Array): Promise<string> {
    const sha256 = sha256Of(bytes);
    const response = await this.#ask(sha256, { method: 'PUT', body: new Uint8Array(bytes) });
    await response.body?.cancel();
    return sha256;
  }

  async get(sha256: string): Promise<Uint8Array | undefined> {
    const response = await this.#ask(sha256, { method: 'GET' });
    if (response.status !== 404) return new Uint8Array(await response.arrayBuffer());
    await response.body?.cancel();
    return undefined;
  }

  /** A success, or 404. */
  async #ask(sha256: string, init: RequestInit): Promise<Response> {
    const until = performance.now() + this.patienceMs;
    for (let failures = 1; ; failures++) {
      const answer = await this.#try(sha256, init);
      if (answer instanceof Response) return answer;
      const pauseMs = backoffMs(failures, PAUSE);
      if (performance.now() + pauseMs > until) throw answer;
      await delay(pauseMs);
    }
  }

  /** An error is worth another try; what is not is thrown. */
  async #try(sha256: string, init: RequestInit): Promise<Response | Error> {
    let response: Response;
    try {
      const signal = AbortSignal.timeout(TRY_MS);
      const { url, headers = {} } = this.target(sha256);
      response = await fetch(url, { ...init, headers, signal, redirect: 'error' });
    } catch (cause) {
      return new Error('a large value cannot be kept or had now: the platform does not answer', { cause });
    }
    if (response.ok || (response.status === 404 && init.method === 'GET')) return response;
    const refusal = refusalSchema.safeParse(await response.json().catch(() => undefined));
    const message = refusal.data?.error ?? `a large value was refused (${response.status})`;
    if (response.status >= 500) return new Error(message);
    const code = refusal.data?.code ?? 'INTERNAL_ERROR';
    throw ApplicationFailure.create({ message, type: code, nonRetryable: code === 'PAYLOAD_TOO_LARGE' });
  }
}
