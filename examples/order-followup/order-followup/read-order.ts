import { ApplicationFailure, matchInput } from 'pegasus-workflows-sdk/workflow';
import type { Order } from './types.js';

/** An order whole, or its id alone, by which the shop knows the rest. */
export type OrderSource = { order: Order } | { orderId: string };

/** Names of projections are made of these, and an order's id becomes one. */
const ORDER_ID = /^[A-Za-z0-9_:-][A-Za-z0-9._:-]{0,255}$/;

/**
 * Reads the workflow's argument: the event `order.placed` with `{orderId}`, or a manual run's `input` with the same or
 * with all of the order.
 *
 * @throws ApplicationFailure, not retryable, of type `InvalidOrder`, naming the field
 */
export function readOrder(argument: unknown): OrderSource {
  return matchInput(argument, {
    event: ({ payload }) => byId(payload),
    manual: ({ input }) =>
      Object.keys(input ?? {}).join() === 'orderId' ? byId(input!) : whole(input ?? {}),
  });
}

const FIELDS = {
  orderId: (value: unknown) => isText(value) && ORDER_ID.test(value),
  sku: isText,
  quantity: isPositiveInteger,
  amount: isPositiveInteger,
  customer: isText,
  phone: (value: unknown) => value === undefined || isText(value),
  reviewer: isText,
  manager: isText,
  shopUrl: (value: unknown) => isText(value) && /^https?:\/\//.test(value),
  waits: (value: unknown) => value === undefined || (typeof value === 'object' && value !== null),
} satisfies Record<keyof Order, (value: unknown) => boolean>;

function byId({ orderId }: Record<string, unknown>): OrderSource {
  if (typeof orderId === 'string' && ORDER_ID.test(orderId)) return { orderId };
  throw invalid(['orderId']);
}

function whole(input: object): OrderSource {
  const values = new Map(Object.entries(input));
  const wrong = Object.entries(FIELDS).filter(([field, holds]) => !holds(values.get(field)));
  if (wrong.length > 0) throw invalid(wrong.map(([field]) => field));
  return { order: input as Order };
}

function invalid(fields: string[]): ApplicationFailure {
  const sentence = `the order's input is missing or wrong in: ${fields.join(', ')}`;
  return ApplicationFailure.nonRetryable(sentence, 'InvalidOrder');
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isPositiveInteger(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) > 0;
}
