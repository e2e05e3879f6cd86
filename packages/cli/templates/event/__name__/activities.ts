import { log } from 'pegasus-workflows-sdk/activity';

/** A step for one order. Hand `idempotencyKey` on to the service that does it, so that a repeat does nothing again. */
export interface Step {
  orderId: string;
  /** The id of the event that led here: the same however often Temporal tries. */
  idempotencyKey: string;
}

/** Takes the goods off the shelf. Put the call of your shop here; the id it answers with is the reservation. */
export async function reserveGoods({ orderId, idempotencyKey }: Step): Promise<string> {
  log.info('goods reserved', { orderId, idempotencyKey });
  return `reservation-${idempotencyKey}`;
}

/** Sends the reserved goods. */
export async function shipGoods({ orderId, reservationId }: Step & { reservationId: string }): Promise<void> {
  log.info('goods shipped', { orderId, reservationId });
}

/** Puts reserved goods back on the shelf. */
export async function releaseGoods({
  orderId,
  reservationId,
}: Step & { reservationId: string }): Promise<void> {
  log.info('goods released', { orderId, reservationId });
}

/** Reminds the customer that the order waits for the payment. */
export async function remindCustomer({ orderId, customerId }: Step & { customerId: string }): Promise<void> {
  log.info('customer reminded', { orderId, customerId });
}
