import { log } from 'pegasus-workflows-sdk/activity';

/** Every call carries a key that stays the same however often Temporal tries: hand it on to the service. */
interface Keyed {
  idempotencyKey: string;
}

/** Sets money aside. Put the call of your finance system here; the id it answers with is the reservation. */
export async function reserveBudget({ idempotencyKey, amount }: Keyed & { amount: number }): Promise<string> {
  log.info('budget reserved', { amount });
  return `reservation-${idempotencyKey}`;
}

/** Gives back what was set aside. */
export async function releaseBudget({ reservationId }: Keyed & { reservationId: string }): Promise<void> {
  log.info('budget released', { reservationId });
}

/** Buys what was approved, from the money set aside. Answers with the number of the order. */
export async function placeOrder({
  idempotencyKey,
  reservationId,
  item,
}: Keyed & { reservationId: string; item: string }): Promise<string> {
  log.info('order placed', { item, reservationId });
  return `order-${idempotencyKey}`;
}

/** Writes to a person. Put your mail or chat here. */
export async function sendMessage({ to, text }: Keyed & { to: string; text: string }): Promise<void> {
  log.info('message sent', { to, text });
}
