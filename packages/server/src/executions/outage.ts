import { PegasusError } from '@pegasus-workflows/contracts';
import { TemporalError } from '../infra/temporal.js';

/**
 * Whether Temporal or the database does not answer, or the work was stopped, so that going on with other rows is in
 * vain. Anything else is about the one row in hand, and must not keep the others waiting.
 */
export function isOutage(error: unknown): boolean {
  if (error instanceof TemporalError) return error.certainty === 'unknown';
  if (error instanceof PegasusError) return error.code === 'SERVICE_UNAVAILABLE';
  return error instanceof Error && error.name === 'AbortError';
}
