import { PegasusError, retryAfterMs, type ErrorCode } from '@pegasus-workflows/contracts';
import { z } from 'zod';
import { type EgressPolicy } from '@pegasus-workflows/kit/egress';
import { safeFetch, wasNeverSent, type SafeResponse } from '@pegasus-workflows/kit/safe-fetch';
import { PROVIDER_MS, type OutgoingSms, type SmsOutcome, type SmsProvider } from './provider.js';

/** An account of Twilio, with its token in clear. */
export interface TwilioAccount {
  accountSid: string;
  authToken: string;
  /** Exactly one of the two. */
  from: string | null;
  messagingServiceSid: string | null;
  baseUrl: string;
}

const sentSchema = z.object({ sid: z.string().min(1).max(100) });
const refusedSchema = z.object({ code: z.number().int() });

/** More of an answer nobody reads. */
const ANSWER_BYTES = 256 * 1024;
const RETRY_AFTER_SECONDS = 30;

/** What Twilio's own codes mean to whoever sends; its sentences may repeat numbers, and are not passed on. */
const MEANINGS: Record<number, { code: ErrorCode; sentence: string; isOptedOut?: boolean }> = {
  21211: { code: 'VALIDATION_ERROR', sentence: 'to: is not a phone number that exists.' },
  21214: { code: 'VALIDATION_ERROR', sentence: 'to: cannot be reached.' },
  21217: { code: 'VALIDATION_ERROR', sentence: 'to: is not a phone number that exists.' },
  21612: { code: 'VALIDATION_ERROR', sentence: 'to: cannot be reached from the sender of the provider.' },
  21614: { code: 'VALIDATION_ERROR', sentence: 'to: is not a number that takes messages.' },
  21617: { code: 'VALIDATION_ERROR', sentence: 'body: is too long for the provider.' },
  21610: {
    code: 'SMS_OPTED_OUT',
    sentence: 'The recipient wants no messages: it has told the provider so.',
    isOptedOut: true,
  },
  20429: { code: 'RATE_LIMITED', sentence: 'The provider takes no more messages at present.' },
  21611: { code: 'RATE_LIMITED', sentence: "The provider's queue for this sender is full." },
  20003: { code: 'UPSTREAM_ERROR', sentence: 'The provider refuses the credentials.' },
  21408: { code: 'UPSTREAM_ERROR', sentence: "The provider's account may not send to this country." },
  21606: { code: 'UPSTREAM_ERROR', sentence: 'The provider refuses the sender.' },
  21608: { code: 'UPSTREAM_ERROR', sentence: "The provider's trial account sends to verified numbers only." },
};

/** Twilio's HTTP API (2010-04-01), Messages resource. */
export class TwilioProvider implements SmsProvider {
  readonly name = 'twilio';
  readonly #account: TwilioAccount;
  readonly #policy: EgressPolicy;

  constructor(account: TwilioAccount, policy: EgressPolicy) {
    this.#account = account;
    this.#policy = policy;
  }

  async send({ to, body }: OutgoingSms): Promise<SmsOutcome> {
    const { accountSid, authToken, from, messagingServiceSid, baseUrl } = this.#account;
    const sender = from === null ? { MessagingServiceSid: messagingServiceSid ?? '' } : { From: from };
    try {
      const answer = await safeFetch(
        `${baseUrl.replace(/\/+$/, '')}/2010-04-01/Accounts/${accountSid}/Messages.json`,
        {
          method: 'POST',
          headers: {
            authorization: `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`,
            'content-type': 'application/x-www-form-urlencoded',
            accept: 'application/json',
            'user-agent': 'Pegasus-SMS',
          },
          body: new URLSearchParams({ To: to, ...sender, Body: body }).toString(),
          timeoutMs: PROVIDER_MS,
          maxResponseBytes: ANSWER_BYTES,
          redirect: 'manual',
        },
        this.#policy,
      );
      return outcomeOf(answer);
    } catch (error) {
      if (wasNeverSent(error)) return { kind: 'FAILED', error: notReached(error) };
      return { kind: 'UNKNOWN', error: unknown('it broke off, or did not answer in time', error) };
    }
  }
}

/** 2xx with a `sid` is sent; a gateway that gave up waiting (502, 504) does not know; anything else is a refusal. */
function outcomeOf({ status, headers, body }: SafeResponse): SmsOutcome {
  const json = parsed(body);
  if (status >= 200 && status < 300) {
    const sent = sentSchema.safeParse(json);
    if (sent.success) return { kind: 'SENT', providerMessageId: sent.data.sid };
    return { kind: 'UNKNOWN', error: unknown('its answer cannot be read') };
  }
  if (status === 502 || status === 504) {
    return { kind: 'UNKNOWN', error: unknown(`a gateway before it answered ${status}`) };
  }
  const refused = refusedSchema.safeParse(json);
  const code = refused.success ? refused.data.code : undefined;
  const meaning = meaningOf(code, status);
  const error = new PegasusError(meaning.code, meaning.sentence, {
    ...(code === undefined ? {} : { data: { providerCode: code } }),
    ...(meaning.code === 'RATE_LIMITED'
      ? { retryAfterSeconds: retryAfterSeconds(headers['retry-after']) }
      : {}),
    ...(meaning.code === 'UPSTREAM_ERROR'
      ? { hint: 'See `pegasus-workflows sms provider show`, and the console of the provider.' }
      : {}),
  });
  return { kind: 'FAILED', error, isOptedOut: meaning.isOptedOut ?? false };
}

function meaningOf(code: number | undefined, status: number): (typeof MEANINGS)[number] {
  const known = code === undefined ? undefined : MEANINGS[code];
  if (known) return known;
  if (status === 429) return MEANINGS[20429]!;
  if (status === 401 || status === 403) return MEANINGS[20003]!;
  const detail = code === undefined ? `status ${status}` : `status ${status}, code ${code}`;
  return { code: 'UPSTREAM_ERROR', sentence: `The provider refused the message (${detail}).` };
}

function retryAfterSeconds(header: string | undefined): number {
  const ms = retryAfterMs(header, Date.now());
  return ms === undefined ? RETRY_AFTER_SECONDS : Math.min(3_600, Math.max(1, Math.ceil(ms / 1_000)));
}

function notReached(error: unknown): PegasusError {
  if (error instanceof PegasusError && error.code === 'EXTERNAL_ADDRESS_REFUSED') return error;
  return new PegasusError('UPSTREAM_ERROR', 'The provider cannot be reached; nothing was sent.', {
    cause: error,
  });
}

function unknown(why: string, cause?: unknown): PegasusError {
  return new PegasusError(
    'UPSTREAM_ERROR',
    `Whether the message was sent is not known: the provider was asked, and ${why}.`,
    {
      ...(cause === undefined ? {} : { cause }),
      hint: 'A repeat with the same dedupKey sends nothing again.',
    },
  );
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
