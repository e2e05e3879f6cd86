import { floorSchema, type Floor } from '@pegasus-workflows/contracts';

/** A floor that comes with the platform. */
export interface BaseFloor {
  id: string;
  description: string;
  floor: Floor;
}

const order: BaseFloor = {
  id: 'order',
  description:
    'An order: its number, its buyer, its lines with quantities and prices, its currency and status.',
  floor: floorSchema.parse({
    fields: {
      number: { type: 'string', required: true },
      status: { type: 'string', required: true },
      currency: { type: 'string' },
      placedAt: { type: 'string' },
      buyer: { type: 'object', required: true },
      'buyer.id': { type: 'string', required: true },
      lines: { type: 'list', required: true },
      'lines.*.sku': { type: 'string', required: true },
      'lines.*.quantity': { type: 'number', required: true },
      'lines.*.unitPrice': { type: 'number' },
    },
    rules: [
      {
        id: 'order.lines',
        description: 'An order has at least one line.',
        field: 'lines',
        message: 'An order needs at least one line.',
        when: [{ fact: 'lines.length', op: 'lt', value: 1 }],
      },
      {
        id: 'order.quantity',
        description: 'Each line orders something.',
        field: 'lines',
        message: 'Each line needs a quantity above zero.',
        when: [{ fact: 'lines.*.quantity', op: 'lte', value: 0 }],
      },
    ],
  }),
};

const invoice: BaseFloor = {
  id: 'invoice',
  description:
    'An invoice: its number, its customer, what is due and paid in the smallest unit of its currency.',
  floor: floorSchema.parse({
    fields: {
      number: { type: 'string', required: true },
      status: { type: 'string', required: true },
      currency: { type: 'string', required: true },
      customer: { type: 'object', required: true },
      'customer.id': { type: 'string', required: true },
      amountDue: { type: 'integer', required: true },
      amountPaid: { type: 'integer' },
    },
    rules: [
      {
        id: 'invoice.amount',
        description: 'Nobody is owed a negative amount.',
        field: 'amountDue',
        message: 'The amount due must not be negative.',
        when: [{ fact: 'amountDue', op: 'lt', value: 0 }],
      },
    ],
  }),
};

/** What an integration's own floor may extend, by id. */
export const BASE_FLOORS: ReadonlyMap<string, BaseFloor> = new Map(
  [order, invoice].map((floor) => [floor.id, floor]),
);
