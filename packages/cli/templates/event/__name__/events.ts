import { ApplicationFailure, type EventInput } from 'pegasus-workflows-sdk/workflow';

/** What each event carries: ids, not documents. An event is a fact; its details are read where they are needed. */
export interface Payloads {
  'order.placed': { orderId: string; customerId: string };
  'order.paid': { orderId: string; paymentId: string };
  'order.cancelled': { orderId: string; reason: string };
}

const FIELDS: { [T in keyof Payloads]: readonly (keyof Payloads[T] & string)[] } = {
  'order.placed': ['orderId', 'customerId'],
  'order.paid': ['orderId', 'paymentId'],
  'order.cancelled': ['orderId', 'reason'],
};

/** An event of one of these types; `eventType` tells TypeScript which. */
export type OrderEvent = {
  [T in keyof Payloads]: Omit<EventInput, 'eventType' | 'payload'> & { eventType: T; payload: Payloads[T] };
}[keyof Payloads];

/**
 * Checks what came from outside before anything is done with it.
 *
 * @throws ApplicationFailure, not retryable, of type `InvalidEvent`, naming the fields
 */
export function readEvent(event: EventInput): OrderEvent {
  const fields: readonly string[] | undefined = Object.entries(FIELDS).find(
    ([type]) => type === event.eventType,
  )?.[1];
  if (!fields) throw invalid(`there is no event "${event.eventType}" here`);
  const missing = fields.filter((field) => typeof event.payload[field] !== 'string');
  if (missing.length > 0) throw invalid(`the payload of ${event.eventType} lacks: ${missing.join(', ')}`);
  return event as OrderEvent;
}

function invalid(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, 'InvalidEvent');
}
