import { ApplicationFailure, cancellationSignal, log } from 'pegasus-workflows-sdk/activity';
import { isPegasusApiError, PegasusClient } from 'pegasus-workflows-sdk/client';
import type { Order, Progress, ShopCall } from './types.js';

/** A request that has no answer after this long counts as failed; Temporal then retries the activity. */
const ANSWER_WITHIN_MS = 2_000;

/** Reads an order at the shop; where the shop is and who approves is the configuration's to say. */
export async function loadOrder(orderId: string): Promise<Order> {
  const { configs } = PegasusClient.fromRuntime();
  const [shopUrl, reviewer, manager, followUpDays] = await Promise.all(
    (['SHOP_URL', 'ORDER_REVIEWER', 'ORDER_MANAGER', 'FOLLOW_UP_DAYS'] as const).map((key) =>
      configs.get(key),
    ),
  );
  const order = await ask<Omit<Order, 'shopUrl'>>(shopUrl!, `/orders/${encodeURIComponent(orderId)}`);
  const waits = { untilFollowUp: Number(followUpDays) };
  return { ...order, orderId, shopUrl: shopUrl!, reviewer: reviewer!, manager: manager!, waits };
}

/** Keeps where an order is, for other runs and programs to read: a projection, one per order. */
export async function keepProgress(orderId: string, progress: Progress): Promise<number> {
  const { projections } = PegasusClient.fromRuntime();
  const { version } = await projections.put('order-followup', 'order', orderId, progress);
  return version;
}

/** Sends an SMS, once per key. A customer who wants none, or a tenant that cannot send any, is no reason to fail. */
export async function textCustomer(call: { to: string; body: string; dedupKey: string }): Promise<string> {
  try {
    return (await PegasusClient.fromRuntime().sms.send(call)).status;
  } catch (error) {
    if (!isPegasusApiError(error) || !['SMS_OPTED_OUT', 'NOT_FOUND'].includes(error.code)) throw error;
    log.warn('the customer was not sent an SMS', { code: error.code });
    return error.code;
  }
}

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
 * the third party answers a repeated key with the first answer. In a dry run it is left out: the platform records what
 * its own calls would change, but a call to others is the activity's own to leave out.
 */
async function effect(call: ShopCall, path: string, body: Record<string, unknown>): Promise<string> {
  if (PegasusClient.fromRuntime().isDryRun) return `dry-run${path}`;
  const init = {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': call.idempotencyKey },
    body: JSON.stringify(body),
  };
  return (await ask<{ id: string }>(call.shopUrl, path, init)).id;
}

interface ShopRequest {
  method: string;
  headers: Record<string, string>;
  body: string;
}

/**
 * One request to the third party. Its key is read from the platform each time: it is in no argument and no result, so
 * in no history, and a new one counts from the next request on. A 4xx will not change by trying again and ends the
 * activity; anything else is thrown as it is, and Temporal retries.
 */
async function ask<T>(shopUrl: string, path: string, init?: ShopRequest): Promise<T> {
  const key = await PegasusClient.fromRuntime().secrets.get('SHOP_API_KEY');
  const response = await fetch(new URL(path, shopUrl), {
    ...init,
    headers: { ...init?.headers, authorization: `Bearer ${key}` },
    signal: AbortSignal.any([cancellationSignal(), AbortSignal.timeout(ANSWER_WITHIN_MS)]),
  });
  const answer = (await response.json()) as T & { error?: string; reason?: string };
  if (response.ok) return answer;
  const message = `${path} answered ${response.status}: ${answer.reason ?? 'no reason given'}`;
  if (response.status >= 400 && response.status < 500) {
    throw ApplicationFailure.nonRetryable(message, answer.error ?? 'RequestRefused');
  }
  throw new Error(message);
}
