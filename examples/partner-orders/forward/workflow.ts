import { ApplicationFailure, matchInput, proxyActivities } from 'pegasus-workflows-sdk/workflow';
import type * as activities from './activities.js';

// No maximumAttempts: a partner that is down for a day delays an order, it does not lose one.
const { deliver } = proxyActivities<typeof activities>({
  startToCloseTimeout: '3 minutes',
  retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '1 minute' },
});

/** Started by canonical events: delivers what a partner has sent. The partner's own event tells one delivery from another. */
export async function forward(argument: unknown): Promise<activities.Receipt> {
  const { integrationId, sourceEventId, canonical } = matchInput(argument, {
    event: ({ payload }) => payload,
    manual: ({ input }) => input ?? {},
  });
  if (typeof integrationId !== 'string' || typeof sourceEventId !== 'string' || !isRecord(canonical)) {
    throw ApplicationFailure.nonRetryable(
      'The input must have integrationId, sourceEventId and canonical, as canonical events do.',
      'InvalidInput',
    );
  }
  return await deliver(integrationId, canonical, sourceEventId);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
