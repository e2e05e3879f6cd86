import { sql } from 'drizzle-orm';
import { index, integer, pgTable, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { tenantId } from './access.js';
import { createdAt, createdBy, id, instant } from './columns.js';

/** What a tenant's payloads in Temporal are encrypted with. None is ever deleted: histories need the old ones. */
export const payloadKeys = pgTable(
  'payload_keys',
  {
    id: id(),
    tenantId: tenantId(),
    /** The key's 32 bytes in base64, a compact JWE. */
    wrappedKey: text('wrapped_key').notNull(),
    /** Which master key `wrappedKey` is wrapped with. */
    masterKeyId: text('master_key_id').notNull(),
    /** Null when the tenant's first need made it. */
    createdByUserId: createdBy(),
    createdAt: createdAt(),
    /** Since when it only reads; null: it is the current one. */
    retiredAt: instant('retired_at'),
  },
  (t) => [
    uniqueIndex('payload_keys_current')
      .on(t.tenantId)
      .where(sql`${t.retiredAt} is null`),
  ],
);

/** Ciphertexts of payloads that are too large for Temporal, which has references to them; the bytes are files. */
export const payloadBlobs = pgTable(
  'payload_blobs',
  {
    tenantId: tenantId(),
    /** Of the ciphertext, in hex. */
    sha256: text('sha256').notNull(),
    bytes: integer('bytes').notNull(),
    createdAt: instant('created_at').notNull(),
    /** When it was put or read last, to within the hour before. */
    lastUsedAt: instant('last_used_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tenantId, t.sha256] }), index('payload_blobs_oldest').on(t.lastUsedAt)],
);
