import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  PegasusError,
  type sendSmsRequestSchema,
  type SmsMessage,
  type smsMessagesQuerySchema,
  type SmsSent,
} from '@pegasus-workflows/contracts';
import { failpoint } from '@pegasus-workflows/kit';
import { type Counter } from 'prom-client';
import { type z } from 'zod';
import { type Principal, type Services } from '../infra/context.js';
import { type Tx } from '../infra/database.js';
import { checkRates } from './limits.js';
import { type LogProvider } from './log-provider.js';
import { PROVIDER_MS, type SmsOutcome } from './provider.js';
import { type ChosenProvider, type SmsProviders } from './providers.js';
import {
  findByDedupKey,
  findMessage,
  findOptOut,
  giveUp,
  insertMessage,
  listMessages,
  lockSending,
  settleMessage,
  toMessage,
  upsertOptOut,
  type SmsMessageRow,
} from './store.js';

/**
 * Job: sends a tenant's messages, each at most once.
 *
 * Boundary: rows of `sms_messages`; asking the provider is the provider's. Providers know no idempotency keys, so a
 * message is either recorded before the provider is asked, or it is not asked.
 *
 * Invariants
 * 1. A row SENDING is committed before the provider is asked. A crash after that leaves it, and it becomes UNKNOWN: a
 *    message is never sent a second time by the platform, and never passed over in silence.
 * 2. One `dedupKey` of a tenant is one message, unless the provider refused it: then the key is free again. The same
 *    key with another number or text is IDEMPOTENCY_KEY_REUSED.
 * 3. A caller that repeats a message that is being sent is told how that ends, and not before.
 * 4. Nothing is sent to a number that has opted out, nor beyond the limits; both are decided in the transaction that
 *    writes the row, one message of a tenant after another.
 * 5. Neither a text nor a whole number is in any log or error.
 */
type SendRequest = z.output<typeof sendSmsRequestSchema>;

/** Longer than any provider is waited for, with room for the database: what is SENDING after that has been left. */
const LEFT_AFTER_MS = 2 * PROVIDER_MS + 15_000;
const LOOK_MS = 100;
const LEFT = 'The server ended before the provider had answered: whether it was sent is not known.';

export interface SmsAnswer {
  isNew: boolean;
  sent: SmsSent;
}

export interface SmsParts {
  services: Services;
  providers: SmsProviders;
  log: LogProvider;
  messages: Counter<'provider' | 'result'>;
}

export class SmsService {
  readonly #parts: SmsParts;
  readonly #services: Services;
  /** On the embedded database nobody else sends: what was begun before this is left for certain. */
  readonly #startedAt: Date;

  constructor(parts: SmsParts) {
    this.#parts = parts;
    this.#services = parts.services;
    this.#startedAt = parts.services.clock();
  }

  /**
   * Throws NOT_FOUND (no provider), IDEMPOTENCY_KEY_REUSED, SMS_OPTED_OUT, RATE_LIMITED, VALIDATION_ERROR (the provider
   * says that the number takes no messages) and UPSTREAM_ERROR.
   */
  async send(principal: Principal, request: SendRequest): Promise<SmsAnswer> {
    const { tenantId, principalId } = principal;
    const begun = await this.#inTenant(tenantId, async (tx) => {
      await lockSending(tx, tenantId);
      const repeated = await this.#findRepeated(tx, tenantId, request);
      if (repeated) return { repeated };
      const provider = await this.#check(tx, tenantId, request);
      const id = randomUUID();
      const now = this.#services.clock();
      await insertMessage(tx, {
        id,
        tenantId,
        to: request.to,
        bodySha256: digestOf(request.body),
        dedupKey: request.dedupKey ?? null,
        status: 'SENDING',
        provider: provider.name,
        executionId: principal.execution?.id ?? null,
        createdByUserId: principalId,
        createdAt: now,
        updatedAt: now,
      });
      return { id, provider };
    });
    if ('repeated' in begun) return this.#answerRepeated(principal, request, begun.repeated);
    failpoint('sms.recorded');
    const outcome = await ask(begun.provider, { id: begun.id, to: request.to, body: request.body });
    failpoint('sms.asked');
    this.#parts.messages.inc({ provider: begun.provider.name, result: outcome.kind.toLowerCase() });
    await this.#settle(tenantId, begun.id, request.to, outcome);
    if (outcome.kind !== 'SENT') throw outcome.error;
    return { isNew: true, sent: { id: begun.id, status: 'SENT' } };
  }

  /** What {@link SmsService.send} would answer; nothing is written and nobody is asked. */
  async wouldSend({ tenantId }: Principal, request: SendRequest): Promise<SmsAnswer> {
    return this.#inTenant(tenantId, async (tx) => {
      const repeated = await this.#findRepeated(tx, tenantId, request);
      if (repeated) return repetition(repeated);
      await this.#check(tx, tenantId, request);
      return { isNew: true, sent: { id: randomUUID(), status: 'SENT' } };
    });
  }

  async list({ tenantId }: Principal, query: z.output<typeof smsMessagesQuerySchema>): Promise<SmsMessage[]> {
    const rows = await this.#inTenant(tenantId, (tx) => listMessages(tx, tenantId, query));
    return rows.map((row) => toMessage(row, this.#parts.log.textOf(row.id) ?? null));
  }

  /** Gives up what a server left when it ended (invariant 1). */
  async giveUpLeft(): Promise<void> {
    const { db, clock, logger } = this.#services;
    const now = clock();
    const left = new Date(now.getTime() - LEFT_AFTER_MS);
    const cutoff = db.dialect === 'pglite' && this.#startedAt > left ? this.#startedAt : left;
    const count = await db.system((tx) => giveUp(tx, cutoff, LEFT, now));
    if (count > 0) logger.warn({ count }, 'messages may or may not have been sent: see their status UNKNOWN');
  }

  /** Invariant 2. */
  async #findRepeated(
    tx: Tx,
    tenantId: string,
    { to, body, dedupKey }: SendRequest,
  ): Promise<SmsMessageRow | undefined> {
    const row = dedupKey === undefined ? undefined : await findByDedupKey(tx, tenantId, dedupKey);
    if (!row || (row.to === to && row.bodySha256 === digestOf(body))) return row;
    throw new PegasusError(
      'IDEMPOTENCY_KEY_REUSED',
      'dedupKey: has been used for another message; a key stands for one number and one text.',
    );
  }

  /** Invariant 4. */
  async #check(tx: Tx, tenantId: string, { to }: SendRequest): Promise<ChosenProvider> {
    const { settings, clock } = this.#services;
    const provider = await this.#parts.providers.choose(tx, tenantId);
    if (await findOptOut(tx, tenantId, to)) {
      throw new PegasusError('SMS_OPTED_OUT', 'The recipient wants no messages.');
    }
    await checkRates(tx, tenantId, to, settings.sms, clock());
    return provider;
  }

  /** Invariant 3: waits for the end of a message that another call is sending; sends it anew when that has failed. */
  async #answerRepeated(principal: Principal, request: SendRequest, row: SmsMessageRow): Promise<SmsAnswer> {
    const { tenantId } = principal;
    const { clock } = this.#services;
    let current: SmsMessageRow | undefined = row;
    while (current?.status === 'SENDING' && clock().getTime() - row.createdAt.getTime() < LEFT_AFTER_MS) {
      await delay(LOOK_MS);
      current = await this.#inTenant(tenantId, (tx) => findMessage(tx, tenantId, row.id));
    }
    if (!current || current.status === 'FAILED') return this.send(principal, request);
    return repetition(current.status === 'SENDING' ? { ...current, status: 'UNKNOWN' } : current);
  }

  /** One transaction: the message's end, and the opt-out that the provider has told of. */
  async #settle(tenantId: string, id: string, to: string, outcome: SmsOutcome): Promise<void> {
    const now = this.#services.clock();
    const columns =
      outcome.kind === 'SENT'
        ? { providerMessageId: outcome.providerMessageId, error: null, sentAt: now }
        : { error: outcome.error.message };
    await this.#inTenant(tenantId, async (tx) => {
      await settleMessage(tx, tenantId, id, { status: outcome.kind, ...columns, updatedAt: now });
      if (outcome.kind === 'FAILED' && outcome.isOptedOut) {
        const reason = 'The recipient has told the provider so.';
        await upsertOptOut(tx, { tenantId, number: to, reason, createdAt: now });
      }
    });
  }

  #inTenant<T>(tenantId: string, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.#services.db.tenant(tenantId, work);
  }
}

/** Whatever keeps the provider from being asked at all is a refusal: nothing was sent. */
async function ask(
  provider: ChosenProvider,
  message: { id: string; to: string; body: string },
): Promise<SmsOutcome> {
  try {
    return await (await provider.open()).send(message);
  } catch (error) {
    if (error instanceof PegasusError) return { kind: 'FAILED', error };
    throw error;
  }
}

function repetition({ id, status }: SmsMessageRow): SmsAnswer {
  return { isNew: false, sent: { id, status, alreadySent: true } };
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
