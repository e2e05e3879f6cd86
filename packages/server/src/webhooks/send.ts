import { PegasusError, retryAfterMs } from '@pegasus-workflows/contracts';
import { type EgressPolicy } from '@pegasus-workflows/kit/egress';
import { safeFetch } from '@pegasus-workflows/kit/safe-fetch';
import { signedHeaders, type SignedMessage } from './sign.js';

/** For all of one attempt. */
export const ATTEMPT_MS = 10_000;
/** More of an answer nobody reads. */
const ANSWER_BYTES = 1024 * 1024;

/** What became of one attempt. */
export interface Attempt {
  delivered: boolean;
  /** `null`: there was no answer. */
  responseStatus: number | null;
  /** Why it was not delivered, one sentence without anything of the answer. */
  error: string | null;
  /** What the receiver asked for in `Retry-After`, in milliseconds. */
  retryAfterMs: number | undefined;
}

/** Makes one attempt. Never rejects: whatever goes wrong is in the answer. */
export async function sendMessage(
  url: string,
  message: SignedMessage,
  secrets: readonly string[],
  policy: EgressPolicy,
): Promise<Attempt> {
  try {
    const { status, headers } = await safeFetch(
      url,
      {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'Pegasus-Webhooks',
          ...signedHeaders(message, secrets),
        },
        body: message.body,
        timeoutMs: ATTEMPT_MS,
        maxResponseBytes: ANSWER_BYTES,
        redirect: 'manual',
      },
      policy,
    );
    const delivered = status >= 200 && status < 300;
    return {
      delivered,
      responseStatus: status,
      error: delivered ? null : refusalOf(status),
      retryAfterMs: retryAfterMs(headers['retry-after'], message.at.getTime()),
    };
  } catch (error) {
    // Its own sentences say nothing of the answer or of addresses inside; any other failure is ours, and is not told.
    const told = error instanceof PegasusError ? error.message : 'The call could not be made.';
    return { delivered: false, responseStatus: null, error: told, retryAfterMs: undefined };
  }
}

function refusalOf(status: number): string {
  const redirected = status >= 300 && status < 400;
  return `The receiver answered ${status}${redirected ? '; redirects are not followed, so give the address it names' : ''}.`;
}
