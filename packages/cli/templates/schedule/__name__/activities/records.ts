/** Something to renew. */
export interface DueRecord {
  id: string;
}

/**
 * The next records that are due, in the order of their ids. Put your query here, of the shape
 * `where due <= :asOf and id > :after order by id limit :size`: a cursor finds its place whatever changed meanwhile,
 * which an offset does not.
 */
export async function dueRecords(asOf: string, after: string | null, size: number): Promise<DueRecord[]> {
  const first = after === null ? 1 : Number(after.slice('record-'.length)) + 1;
  const last = Math.min(SAMPLE_RECORDS, first + size - 1);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => ({
    id: `record-${String(first + index).padStart(4, '0')}`,
  }));
}

const SAMPLE_RECORDS = 230;

/** Renews one record. Put your call here; with the key, a repeat of it does nothing again. */
export async function renew(record: DueRecord, idempotencyKey: string): Promise<void> {
  renewed.add(`${idempotencyKey} ${record.id}`);
}

/** What the sample has renewed in this process. */
export const renewed = new Set<string>();
