import { text, timestamp, uuid } from 'drizzle-orm/pg-core';

/** Columns that many tables have. */

export const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date', precision: 3 });
export const createdAt = () => instant('created_at').notNull().defaultNow();
export const updatedAt = () => instant('updated_at').notNull().defaultNow();
export const id = () => uuid('id').primaryKey().defaultRandom();
/** Which principal made the row; kept when the principal goes. */
export const createdBy = () => uuid('created_by_user_id');
export const name = () => text('name').notNull();
