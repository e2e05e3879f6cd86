import { webhookPlace } from '../infra/sealed-tables.js';
import { type SealedPlace, type Vault } from '../infra/vault.js';
import { type WebhookRow } from './store.js';

/** Where a webhook's signing secrets are sealed for, the present and the previous one alike. */
export function placeOf({ tenantId, id }: Pick<WebhookRow, 'tenantId' | 'id'>): SealedPlace {
  return { tenantId, name: webhookPlace(id) };
}

/** The secrets that deliveries are signed with now, the newest first. */
export async function signingSecrets(vault: Vault, row: WebhookRow, now: Date): Promise<string[]> {
  const overlaps = row.previousExpiresAt !== null && row.previousExpiresAt > now;
  const sealed = [row.secret, ...(overlaps && row.previousSecret !== null ? [row.previousSecret] : [])];
  return Promise.all(sealed.map((one) => vault.open(placeOf(row), one)));
}
