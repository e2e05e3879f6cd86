import { type SealedPlace } from './vault.js';

/**
 * Every table that holds values sealed by the vault, and the place of each: what re-wrapping goes through when the
 * master key changes. A table that seals something is one more entry; it has `id`, `tenant_id` and `master_key_id`.
 */
export interface SealedTable {
  /** Its name in the database. */
  name: string;
  /** Columns with sealed values; `master_key_id` is that of the first. */
  sealed: readonly [string, ...string[]];
  /** Further columns that {@link SealedTable.place} needs. */
  named: readonly string[];
  /** The place that a column's value was sealed for, without the tenant. */
  place(row: Readonly<Record<string, string | null>>, column: string): SealedPlace['name'];
}

/** Where a tenant's secret is sealed. */
export function secretPlace(group: string, key: string): string {
  return `secret/${group}/${key}`;
}
/** Where an integration's HMAC secret is sealed, also the one before the rotation. */
export function ingressPlace(id: string): string {
  return `ingress/${id}`;
}
/** Where the credentials of a tenant's SMS provider are sealed. */
export function smsProviderPlace(id: string): string {
  return `sms-provider/${id}`;
}
/** Where a tenant's payload key is sealed. */
export function payloadKeyPlace(id: string): string {
  return `payload-key/${id}`;
}
/** Where a webhook's signing secret is sealed, also the one before the rotation. */
export function webhookPlace(id: string): string {
  return `webhook/${id}`;
}

export const SEALED_TABLES: readonly SealedTable[] = [
  {
    name: 'stored_values',
    sealed: ['value'],
    named: ['group', 'key'],
    place: ({ group, key }) => secretPlace(group!, key!),
  },
  {
    name: 'integration_ingress',
    sealed: ['secret', 'previous_secret'],
    named: [],
    place: ({ id }) => ingressPlace(id!),
  },
  {
    name: 'payload_keys',
    sealed: ['wrapped_key'],
    named: [],
    place: ({ id }) => payloadKeyPlace(id!),
  },
  { name: 'sms_providers', sealed: ['secret'], named: [], place: ({ id }) => smsProviderPlace(id!) },
  {
    name: 'webhooks',
    sealed: ['secret', 'previous_secret'],
    named: [],
    place: ({ id }) => webhookPlace(id!),
  },
];
