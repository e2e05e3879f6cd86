import { PegasusError } from '@pegasus-workflows/contracts';
import { type Tx } from '../infra/database.js';
import { type SmsSettings } from '../infra/settings.js';
import { nthLastSince } from './store.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/**
 * Sliding windows over the messages themselves, so that neither a restart nor a second server makes room. Throws
 * RATE_LIMITED, with the time after which there is room again.
 */
export async function checkRates(
  tx: Tx,
  tenantId: string,
  to: string,
  limits: SmsSettings,
  now: Date,
): Promise<void> {
  await checkWindow(tx, tenantId, { n: limits.perRecipientPerHour, ms: HOUR_MS, to }, now);
  await checkWindow(tx, tenantId, { n: limits.perMinute, ms: MINUTE_MS }, now);
}

async function checkWindow(
  tx: Tx,
  tenantId: string,
  { n, ms, to }: { n: number; ms: number; to?: string },
  now: Date,
): Promise<void> {
  const begun = await nthLastSince(tx, tenantId, n, new Date(now.getTime() - ms), to);
  if (!begun) return;
  const retryAfterSeconds = Math.max(1, Math.ceil((begun.getTime() + ms - now.getTime()) / 1_000));
  const what = to === undefined ? `${n} messages a minute` : `${n} messages an hour to one number`;
  throw new PegasusError(
    'RATE_LIMITED',
    `More than ${what} are not sent; try again in ${retryAfterSeconds} s.`,
    {
      retryAfterSeconds,
      hint: 'The operator sets the limits: PEGASUS_SMS_PER_MINUTE and PEGASUS_SMS_PER_RECIPIENT_PER_HOUR.',
    },
  );
}
