import { randomUUID } from 'node:crypto';
import { getTableName, is } from 'drizzle-orm';
import { getTableConfig, PgTable, type PgColumn } from 'drizzle-orm/pg-core';
import { schema } from '../../../packages/server/src/index.js';

/** Every table with rows of tenants, the ones that others refer to first. */
export function tenantTables(): PgTable[] {
  const exported: readonly unknown[] = Object.values(schema);
  const left = new Set(
    exported.filter(isPgTable).filter((table) => columnsOf(table).some(({ name }) => name === 'tenant_id')),
  );
  const ordered: PgTable[] = [];
  while (left.size > 0) {
    const next = [...left].find((table) => !parentsOf(table).some((parent) => left.has(parent)));
    if (!next) throw new Error('tables refer to each other in a circle');
    left.delete(next);
    ordered.push(next);
  }
  return ordered;
}

const isPgTable = (value: unknown): value is PgTable => is(value, PgTable);

export const columnsOf = (table: PgTable): PgColumn[] => getTableConfig(table).columns;

function parentsOf(table: PgTable): PgTable[] {
  return getTableConfig(table)
    .foreignKeys.map((key) => key.reference().foreignTable)
    .filter((parent) => parent !== table);
}

/**
 * A row that the table takes, with a value in every column that needs one and in none that does not. `made` has the
 * rows made so far, by table: what references point to.
 */
export function rowOf(
  table: PgTable,
  tenantId: string,
  made: ReadonlyMap<string, Record<string, unknown>>,
): Record<string, unknown> {
  const { columns, foreignKeys } = getTableConfig(table);
  const references = new Map(
    foreignKeys.flatMap((key) => {
      const { columns: from, foreignTable, foreignColumns } = key.reference();
      const table = getTableName(foreignTable);
      return from.map(({ name }, n) => [name, { table, column: foreignColumns[n]!.name }] as const);
    }),
  );
  const needed = columns.filter(
    ({ name, notNull, hasDefault, primary }) => name === 'tenant_id' || ((notNull || primary) && !hasDefault),
  );
  return Object.fromEntries(
    needed.map((column) => {
      if (column.name === 'tenant_id') return [column.name, tenantId];
      const reference = references.get(column.name);
      if (reference) return [column.name, made.get(reference.table)![reference.column]];
      return [column.name, anyValueOf(column)];
    }),
  );
}

function anyValueOf({ columnType, enumValues, name }: PgColumn): unknown {
  // Of the visibilities the last one is the tenant's own.
  if (enumValues?.length) return enumValues.at(-1);
  switch (columnType) {
    case 'PgUUID':
      return randomUUID();
    case 'PgText':
      return `a-${randomUUID()}`;
    case 'PgInteger':
    case 'PgSmallInt':
    case 'PgBigInt53':
      return 1;
    case 'PgBoolean':
      return true;
    case 'PgTimestamp':
      return new Date().toISOString();
    default:
      // The project's own jsonb: every notation of a value will do.
      if (/Custom|Json/.test(columnType)) return '{}';
      throw new Error(`No value is known for ${name}, a ${columnType}; add one here.`);
  }
}
