import { ApplicationFailure, cancellationSignal } from 'pegasus-workflows-sdk/activity';
import type { ShopCall } from './types.js';

/** A request that has no answer after this long counts as failed; Temporal then retries the activity. */
const ANSWER_WITHIN_MS = 2_000;

/** Takes goods off the shelf. Fails for good with type `OutOfStock` when there are not enough. */
export async function reserveStock(call: ShopCall & { sku: string; quantity: number }): Promise<string> {
  return effect(call, '/reservations', { sku: call.sku, quantity: call.quantity });
}

/** Puts reserved goods back. */
export async function releaseStock(call: ShopCall & { reservationId: string }): Promise<string> {
  return effect(call, '/releases', { reservationId: call.reservationId });
}

/** Takes the money. Fails for good with type `PaymentDeclined` when the customer's bank says no. */
export async function chargeCustomer(
  call: ShopCall & { orderId: string; customer: string; amount: number },
): Promise<string> {
  return effect(call, '/charges', { orderId: call.orderId, customer: call.customer, amount: call.amount });
}

/** Gives the money back. */
export async function refundCustomer(call: ShopCall & { chargeId: string }): Promise<string> {
  return effect(call, '/refunds', { chargeId: call.chargeId });
}

/** Sends the reserved goods to the customer. */
export async function shipOrder(call: ShopCall & { reservationId: string }): Promise<string> {
  return effect(call, '/shipments', { reservationId: call.reservationId });
}

/** Writes to a customer, a reviewer or a manager. */
export async function sendMessage(call: ShopCall & { to: string; text: string }): Promise<string> {
  return effect(call, '/messages', { to: call.to, text: call.text });
}

/**
 * Does one thing at the third party and answers with the id it gave it.
 *
 * A request may fail after the third party has done its work, so every attempt carries the same `Idempotency-Key`:
 * the third party answers a repeated key with the first answer. A 4xx will not change by trying again and ends the
 * activity; anything else is thrown as it is, and Temporal retries.
 */
async function effect(call: ShopCall, path: string, body: Record<string, unknown>): Promise<string> {
  const response = await fetch(new URL(path, call.shopUrl), {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': call.idempotencyKey },
    body: JSON.stringify(body),
    signal: AbortSignal.any([cancellationSignal(), AbortSignal.timeout(ANSWER_WITHIN_MS)]),
  });
  const answer = (await response.json()) as { id?: string; error?: string; reason?: string };
  if (response.ok && answer.id !== undefined) return answer.id;
  const message = `${path} answered ${response.status}: ${answer.reason ?? 'no reason given'}`;
  if (response.status >= 400 && response.status < 500) {
    throw ApplicationFailure.nonRetryable(message, answer.error ?? 'RequestRefused');
  }
  throw new Error(message);
}
