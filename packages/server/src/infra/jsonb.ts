import { customType } from 'drizzle-orm/pg-core';

/**
 * A `jsonb` column. Both drivers hand JSON over parsed; drizzle's own column type parses what is a string once more,
 * which would turn a workflow's result `"123"` into the number 123.
 */
export const jsonb = customType<{ data: unknown; driverData: unknown }>({
  dataType: () => 'jsonb',
  toDriver: (value) => JSON.stringify(value),
  fromDriver: (value) => value,
});
