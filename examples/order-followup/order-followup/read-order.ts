import { ApplicationFailure, matchInput } from 'pegasus-workflows-sdk/workflow';
import type { Order } from './types.js';

/**
 * The order inside the workflow's argument: a manual run's `input`. `pegasus-workflows test order-followup --input
 * http://127.0.0.1:4900` gives the third party's address alone; the sample order then waits for nobody and expires.
 *
 * @throws ApplicationFailure, not retryable, of type `InvalidOrder`, naming the field
 */
export function readOrder(argument: unknown): Order {
  return matchInput(argument, {
    manual: ({ input }) => checked(input ?? {}),
    test: (shopUrl) => checked({ ...SAMPLE, shopUrl }),
  });
}

const SAMPLE: Omit<Order, 'shopUrl'> = {
  orderId: 'sample',
  sku: 'kettle',
  quantity: 1,
  amount: 4_900,
  customer: 'customer@example.com',
  reviewer: 'reviewer@example.com',
  manager: 'manager@example.com',
  waits: { untilReminder: 0, untilEscalation: 0, untilExpiry: 0, untilFollowUp: 0 },
};

const FIELDS = {
  orderId: isText,
  sku: isText,
  quantity: isPositiveInteger,
  amount: isPositiveInteger,
  customer: isText,
  reviewer: isText,
  manager: isText,
  shopUrl: (value: unknown) => isText(value) && /^https?:\/\//.test(value),
  waits: (value: unknown) => value === undefined || (typeof value === 'object' && value !== null),
} satisfies Record<keyof Order, (value: unknown) => boolean>;

function checked(input: object): Order {
  const values = new Map(Object.entries(input));
  const wrong = Object.entries(FIELDS).filter(([field, holds]) => !holds(values.get(field)));
  if (wrong.length > 0) {
    const names = wrong.map(([field]) => field).join(', ');
    throw ApplicationFailure.nonRetryable(
      `the order's input is missing or wrong in: ${names}`,
      'InvalidOrder',
    );
  }
  return input as Order;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isPositiveInteger(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) > 0;
}
