import { PegasusError } from '@pegasus-workflows/contracts';
import { type EgressPolicy } from '@pegasus-workflows/kit/egress';
import { safeFetch, wasNeverSent } from '@pegasus-workflows/kit/safe-fetch';

/** Makes HTTP calls to where the platform lets out. */
export interface Fetcher {
  /** Any status is an answer. Rejects with {@link FetchError}, and with the signal's reason. */
  fetch(request: FetchRequest, signal: AbortSignal): Promise<FetchAnswer>;
}

export interface FetchRequest {
  url: string;
  method: string;
  headers: Readonly<Record<string, string>>;
  body: string | undefined;
  /** For all of it. */
  timeoutMs: number;
  /** Largest answer, decompressed. */
  maxBytes: number;
  /** Where a redirect may lead; one to elsewhere is the answer. */
  mayFollow: (url: URL) => boolean;
}

export interface FetchAnswer {
  status: number;
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>;
  body: Buffer;
  /** Where the answer came from, after redirects. */
  url: string;
}

/** No answer. The message is one sentence, without a header's value or anything of a body. */
export class FetchError extends Error {
  override readonly name = 'FetchError';
  /** @param wasNeverSent the other side has certainly not got the request */
  constructor(
    message: string,
    readonly wasNeverSent: boolean,
  ) {
    super(message);
  }
}

/** Calls the public internet, and what the operator has excepted; redirects are looked at anew. */
export class PolicyFetcher implements Fetcher {
  constructor(private readonly policy: EgressPolicy) {}

  async fetch(request: FetchRequest, signal: AbortSignal): Promise<FetchAnswer> {
    const { url, method, headers, body, timeoutMs, maxBytes, mayFollow } = request;
    try {
      return await safeFetch(
        url,
        {
          method,
          headers: { ...headers },
          body,
          timeoutMs,
          maxResponseBytes: maxBytes,
          redirect: 'follow',
          mayFollow,
          signal,
        },
        this.policy,
      );
    } catch (error) {
      if (!(error instanceof PegasusError)) throw error;
      throw new FetchError(`${error.message}${error.hint ? ` ${error.hint}` : ''}`, wasNeverSent(error));
    }
  }
}
