import { LIMITS, type RunRequest } from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { readInstant } from './filters.js';

/** What says when and in which order a run starts, as it is typed. */
export interface StartOptions {
  delay?: string;
  priority?: string;
  concurrencyKey?: string;
  concurrencyLimit?: string;
  debounce?: string;
  debounceFor?: string;
  idempotencyKey?: string;
}

const UNIT_SECONDS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 7 * 86_400 };

/** Those options as fields of a request; what contradicts itself is refused here. @throws PegasusError VALIDATION_ERROR */
export function readStartOptions(options: StartOptions): Partial<RunRequest> {
  const { delay, priority, concurrencyKey, concurrencyLimit, debounce, debounceFor, idempotencyKey } =
    options;
  if ((debounce === undefined) !== (debounceFor === undefined))
    throw refusal(
      '--debounce and --debounce-for go together.',
      'Such as: --debounce customer-7 --debounce-for 1m',
    );
  if (debounce !== undefined && (delay ?? idempotencyKey) !== undefined)
    throw refusal(
      `--debounce cannot be given together with ${delay === undefined ? '--idempotency-key' : '--delay'}.`,
      'A debounced run waits by itself, and its key says which requests are one.',
    );
  if (concurrencyLimit !== undefined && concurrencyKey === undefined)
    throw refusal('--concurrency-limit needs --concurrency-key.', 'The limit is of the runs with one key.');
  return {
    ...(delay === undefined ? {} : { delay: readDelay(delay) }),
    ...(priority === undefined ? {} : { priority: readWhole('--priority', priority, 5) }),
    ...(concurrencyKey === undefined ? {} : { concurrencyKey }),
    ...(concurrencyLimit === undefined
      ? {}
      : { concurrencyLimit: readWhole('--concurrency-limit', concurrencyLimit, LIMITS.concurrencyLimit) }),
    ...(debounce === undefined
      ? {}
      : {
          debounce: {
            key: debounce,
            seconds: readSeconds('--debounce-for', debounceFor!, LIMITS.debounceSeconds),
          },
        }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  };
}

/** From now (`30s`, `2h`), in seconds; or the instant that was named. */
function readDelay(text: string): number | string {
  if (/^\d+[a-z]?$/i.test(text.trim())) return readSeconds('--delay', text, LIMITS.runDelaySeconds);
  return readInstant('--delay', text);
}

function readSeconds(flag: string, text: string, most: number): number {
  const [, number, unit = ''] = /^(\d{1,9})([smhdw])$/.exec(text.trim()) ?? [];
  const seconds = Number(number) * (UNIT_SECONDS[unit] ?? Number.NaN);
  if (seconds >= 1 && seconds <= most) return seconds;
  throw refusal(
    `${flag}: "${text}" is not a span of 1 s to ${most / 3_600} h.`,
    'Write it as 30s, 15m, 2h or 3d.',
  );
}

function readWhole(flag: string, text: string, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= most) return value;
  throw refusal(
    `${flag} must be a whole number from 1 to ${most}.`,
    'Without it, the platform’s default holds.',
  );
}

function refusal(sentence: string, hint: string): PegasusError {
  return new PegasusError('VALIDATION_ERROR', sentence, { hint });
}
