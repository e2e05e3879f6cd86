import {
  PegasusError,
  type putSmsOptOutRequestSchema,
  type SmsOptOut,
  type smsOptOutsQuerySchema,
} from '@pegasus-workflows/contracts';
import { type z } from 'zod';
import { type Principal, type Services } from '../infra/context.js';
import { deleteOptOut, findOptOut, listOptOuts, toOptOut, upsertOptOut } from './store.js';

/** Numbers that want no messages of a tenant. Each call is one transaction. */
export class SmsOptOuts {
  readonly #services: Pick<Services, 'db' | 'clock'>;

  constructor(services: Pick<Services, 'db' | 'clock'>) {
    this.#services = services;
  }

  async list({ tenantId }: Principal, query: z.output<typeof smsOptOutsQuerySchema>): Promise<SmsOptOut[]> {
    const rows = await this.#services.db.tenant(tenantId, (tx) => listOptOuts(tx, tenantId, query));
    return rows.map(toOptOut);
  }

  /** Throws NOT_FOUND when the number has not opted out. */
  async get({ tenantId }: Principal, number: string): Promise<SmsOptOut> {
    const row = await this.#services.db.tenant(tenantId, (tx) => findOptOut(tx, tenantId, number));
    if (!row) throw notOptedOut();
    return toOptOut(row);
  }

  async put(
    { tenantId }: Principal,
    number: string,
    { reason = null }: z.output<typeof putSmsOptOutRequestSchema>,
  ): Promise<{ optOut: SmsOptOut; isNew: boolean }> {
    const values = { tenantId, number, reason, createdAt: this.#services.clock() };
    const { row, isNew } = await this.#services.db.tenant(tenantId, (tx) => upsertOptOut(tx, values));
    return { optOut: toOptOut(row), isNew };
  }

  /** Throws NOT_FOUND. */
  async remove({ tenantId }: Principal, number: string): Promise<void> {
    if (await this.#services.db.tenant(tenantId, (tx) => deleteOptOut(tx, tenantId, number))) return;
    throw notOptedOut();
  }
}

function notOptedOut(): PegasusError {
  return new PegasusError('NOT_FOUND', 'This number has not opted out.');
}
