import { pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { createdAt, createdBy, id, updatedAt } from './columns.js';
import { tenantId } from './access.js';

/** Secrets and configuration values of a tenant. */
export const storedValues = pgTable(
  'stored_values',
  {
    id: id(),
    tenantId: tenantId(),
    kind: text('kind', { enum: ['SECRET', 'CONFIG'] }).notNull(),
    group: text('group').notNull(),
    key: text('key').notNull(),
    description: text('description'),
    /** Of a CONFIG the value; of a SECRET a compact JWE, its header naming the master key. */
    value: text('value').notNull(),
    /** Which master key a SECRET is wrapped with: what rotation looks for. */
    masterKeyId: text('master_key_id'),
    createdByUserId: createdBy(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [uniqueIndex('stored_values_key').on(t.tenantId, t.kind, t.group, t.key)],
);
