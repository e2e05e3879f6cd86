import {
  PegasusError,
  TWILIO_BASE_URL,
  type putSmsProviderRequestSchema,
  type SmsProviderInfo,
} from '@pegasus-workflows/contracts';
import { randomUUID } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { type z } from 'zod';
import { type Principal, type Services } from '../infra/context.js';
import { type Tx } from '../infra/database.js';
import { smsProviders } from '../infra/schema.js';
import { type TwilioConfig } from '../infra/schema/messages.js';
import { smsProviderPlace } from '../infra/sealed-tables.js';
import { type LogProvider } from './log-provider.js';
import { type SmsProvider } from './provider.js';
import { findProvider, lockSending, toProvider, type SmsProviderRow } from './store.js';
import { TwilioProvider } from './twilio.js';

/**
 * Job: who sends each tenant's messages: set up, shown, removed, and made ready to send.
 *
 * Boundary: rows of `sms_providers`, each change one transaction, written down by the audit trigger.
 *
 * Invariants
 * 1. A token is sealed before the database sees it, and is never answered.
 * 2. A token that is kept goes only where it went before: another account or address needs it given again.
 * 3. A tenant that has set up a provider, enabled or not, never falls back to the platform's.
 */
type PutRequest = z.output<typeof putSmsProviderRequestSchema>;

export class SmsProviders {
  readonly #services: Services;
  readonly #log: LogProvider;

  constructor(services: Services, log: LogProvider) {
    this.#services = services;
    this.#log = log;
  }

  /** Throws NOT_FOUND when neither the tenant nor the platform has one. */
  async get({ tenantId }: Principal): Promise<SmsProviderInfo> {
    const row = await this.#services.db.tenant(tenantId, (tx) => findProvider(tx, tenantId));
    if (row) return toProvider(row);
    if (this.#services.settings.sms.defaultProvider === 'LOG') return PLATFORM_LOG;
    throw notConnected();
  }

  async put(
    { tenantId, principalId }: Principal,
    request: PutRequest,
  ): Promise<{ provider: SmsProviderInfo; isNew: boolean }> {
    const { db, clock } = this.#services;
    return db.tenant(tenantId, async (tx) => {
      // Also where there is no row to lock yet.
      await lockSending(tx, tenantId);
      const present = await findProvider(tx, tenantId);
      const id = present?.id ?? randomUUID();
      const columns = {
        kind: request.kind,
        enabled: request.enabled,
        ...(await this.#credentials(tenantId, id, request, present)),
      };
      const now = clock();
      const [row] = await tx
        .insert(smsProviders)
        .values({ id, tenantId, ...columns, createdByUserId: principalId, createdAt: now, updatedAt: now })
        .onConflictDoUpdate({ target: smsProviders.id, set: { ...columns, updatedAt: now } })
        .returning();
      return { provider: toProvider(row!), isNew: !present };
    });
  }

  /** Throws NOT_FOUND. */
  async remove({ tenantId }: Principal): Promise<void> {
    const gone = await this.#services.db.tenant(tenantId, (tx) =>
      tx.delete(smsProviders).where(eq(smsProviders.tenantId, tenantId)).returning({ id: smsProviders.id }),
    );
    if (gone.length === 0) throw notConnected();
  }

  /**
   * Who is to send, without the credentials, which are not needed before there is something to send. Throws NOT_FOUND
   * when nobody is.
   */
  async choose(tx: Tx, tenantId: string): Promise<ChosenProvider> {
    const row = await findProvider(tx, tenantId);
    if (!row && this.#services.settings.sms.defaultProvider !== 'LOG') throw notConnected();
    if (row && !row.enabled) {
      throw new PegasusError('NOT_FOUND', "The tenant's SMS provider is disabled; enable it first.");
    }
    if (row?.kind !== 'TWILIO') return { name: this.#log.name, open: async () => this.#log };
    return { name: 'twilio', open: () => this.#openTwilio(row) };
  }

  async #openTwilio({ id, tenantId, config, secret }: SmsProviderRow): Promise<SmsProvider> {
    const { vault, settings } = this.#services;
    const authToken = await vault.open({ tenantId, name: smsProviderPlace(id) }, secret!);
    return new TwilioProvider(
      {
        accountSid: config.accountSid!,
        authToken,
        from: config.from ?? null,
        messagingServiceSid: config.messagingServiceSid ?? null,
        baseUrl: config.baseUrl ?? TWILIO_BASE_URL,
      },
      settings.egress,
    );
  }

  /** Invariants 1 and 2. */
  async #credentials(tenantId: string, id: string, request: PutRequest, present: SmsProviderRow | undefined) {
    if (request.kind === 'LOG') return { config: {}, secret: null, masterKeyId: null };
    const { accountSid, from = null, messagingServiceSid = null, baseUrl = null, authToken } = request;
    const config: TwilioConfig = { accountSid, from, messagingServiceSid, baseUrl };
    if (authToken !== undefined) {
      const { sealed, masterKeyId } = await this.#services.vault.seal(
        { tenantId, name: smsProviderPlace(id) },
        authToken,
      );
      return { config, secret: sealed, masterKeyId };
    }
    const isSame =
      present?.kind === 'TWILIO' &&
      present.config.accountSid === accountSid &&
      (present.config.baseUrl ?? TWILIO_BASE_URL) === (baseUrl ?? TWILIO_BASE_URL);
    if (isSame) return { config, secret: present.secret, masterKeyId: present.masterKeyId };
    throw new PegasusError('VALIDATION_ERROR', 'authToken: is required for this account and address.');
  }
}

export interface ChosenProvider {
  name: string;
  open(): Promise<SmsProvider>;
}

const PLATFORM_LOG: SmsProviderInfo = {
  kind: 'LOG',
  source: 'PLATFORM',
  enabled: true,
  accountSid: null,
  from: null,
  messagingServiceSid: null,
  baseUrl: null,
  createdByUserId: null,
  createdAt: null,
  updatedAt: null,
};

function notConnected(): PegasusError {
  return new PegasusError('NOT_FOUND', 'No SMS provider is connected; set one up first.', {
    hint: 'Run `pegasus-workflows sms provider set`.',
  });
}
