import { type PegasusError } from '@pegasus-workflows/contracts';

/** One message, as a provider is handed it. */
export interface OutgoingSms {
  /** Ours: for the provider's own records, not a promise that it sends once. */
  id: string;
  to: string;
  body: string;
}

/** What became of a message. `error` is what the caller is told. */
export type SmsOutcome =
  | { kind: 'SENT'; providerMessageId: string }
  /** The provider, or this side, has said no before anything was sent. */
  | { kind: 'FAILED'; error: PegasusError; isOptedOut?: boolean }
  /** The request may have arrived, and no answer came: it may have been sent. */
  | { kind: 'UNKNOWN'; error: PegasusError };

/** Who sends messages. Every implementation passes `tests/sms/providers.test.ts`. */
export interface SmsProvider {
  /** How messages name it, such as `twilio`. */
  readonly name: string;
  /** Asks once, within {@link PROVIDER_MS}. Never rejects: whatever goes wrong is the outcome. */
  send(message: OutgoingSms): Promise<SmsOutcome>;
}

/** For all of one request to a provider. */
export const PROVIDER_MS = 15_000;
