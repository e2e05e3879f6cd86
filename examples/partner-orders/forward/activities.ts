import { ApplicationFailure } from 'pegasus-workflows-sdk/activity';
import { PegasusClient } from 'pegasus-workflows-sdk/client';

/** What the outside system has said to a delivery. */
export interface Receipt {
  alreadyDelivered: boolean;
  status: number | null;
}

/**
 * Has the platform map a canonical record and send it, as the integration's configuration says. However often it is
 * tried, the record is delivered once; a refusal for good ends the run with what was wrong.
 */
export async function deliver(
  integrationId: string,
  canonical: Record<string, unknown>,
  dedupKey: string,
): Promise<Receipt> {
  const { integrations } = PegasusClient.fromRuntime();
  const answer = await integrations.deliver(integrationId, { data: canonical, dedupKey });
  if (answer.delivered) return { alreadyDelivered: answer.alreadyDelivered, status: answer.status };
  const why = answer.valid
    ? `it was refused with status ${answer.status}`
    : answer.issues.map(({ field, message }) => `${field}: ${message}`).join('; ');
  throw ApplicationFailure.nonRetryable(`The record cannot be delivered: ${why}`, 'Undeliverable');
}
