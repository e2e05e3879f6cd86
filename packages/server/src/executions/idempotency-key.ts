import { PegasusError } from '@pegasus-workflows/contracts';

/** The value of an `Idempotency-Key` header: 1 to 255 printable ASCII characters, or absent. Throws VALIDATION_ERROR. */
export function idempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined || /^[\x20-\x7e]{1,255}$/.test(header)) return header;
  throw new PegasusError('VALIDATION_ERROR', 'Idempotency-Key: must be 1 to 255 printable ASCII characters.');
}
