import { PegasusError } from '@pegasus-workflows/contracts';
import { TemporalError } from '../infra/temporal.js';

/**
 * Throws what is wrong with a value that was to be sent to a run, where that is why Temporal never saw it:
 * PAYLOAD_TOO_LARGE, STORAGE_QUOTA_EXCEEDED.
 */
export function throwIfValueRefused(error: unknown): void {
  if (error instanceof TemporalError && error.cause instanceof PegasusError) throw error.cause;
}
