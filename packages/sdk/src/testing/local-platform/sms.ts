import { randomUUID } from 'node:crypto';
import { PegasusError, sendSmsRequestSchema, type SmsSent } from '@pegasus-workflows/contracts';
import { localRoute, type LocalRoute } from './router.js';

export interface LocalSmsOptions {
  /** Numbers that want no messages. */
  optedOut?: readonly string[] | undefined;
}

/** A message that was sent, as far as a local platform sends any. */
export interface LocalSms {
  id: string;
  to: string;
  body: string;
  dedupKey: string | null;
}

/** Sending text messages: they are kept, and leave nowhere. */
export class LocalSmsProvider {
  readonly #optedOut: ReadonlySet<string>;
  readonly #isConnected: boolean;
  readonly #sent: LocalSms[] = [];

  /** @param options `false`: the tenant has no provider */
  constructor(options: LocalSmsOptions | false = {}) {
    this.#isConnected = options !== false;
    this.#optedOut = new Set(options === false ? [] : options.optedOut);
  }

  /** In the order in which they were sent. */
  get sent(): LocalSms[] {
    return structuredClone(this.#sent);
  }

  get routes(): LocalRoute[] {
    return [
      localRoute({
        method: 'POST',
        path: '/api/v1/sms/send',
        action: 'SendSms',
        body: sendSmsRequestSchema,
        mutation: { method: 'sms.send' },
        plan: ({ body: { to, body, dedupKey = null } }) => {
          const known = this.#repeated(to, body, dedupKey);
          if (known) return { status: 200, data: { id: known.id, status: 'SENT', alreadySent: true } };
          this.#requireReachable(to);
          const data: SmsSent = { id: randomUUID(), status: 'SENT' };
          const commit = () => void this.#sent.push({ id: data.id, to, body, dedupKey });
          return { status: 202, data, commit };
        },
      }),
    ];
  }

  #repeated(to: string, body: string, dedupKey: string | null): LocalSms | undefined {
    const known = dedupKey === null ? undefined : this.#sent.find((sms) => sms.dedupKey === dedupKey);
    if (!known || (known.to === to && known.body === body)) return known;
    throw new PegasusError(
      'IDEMPOTENCY_KEY_REUSED',
      'dedupKey: has been used for another message; a key stands for one number and one text.',
    );
  }

  #requireReachable(to: string): void {
    if (!this.#isConnected) {
      throw new PegasusError('NOT_FOUND', 'No SMS provider is connected; set one up first.');
    }
    if (this.#optedOut.has(to)) throw new PegasusError('SMS_OPTED_OUT', 'The recipient wants no messages.');
  }
}
