/** What a caller gives as the run's `input`, or the shop and the configuration say of an order that an event names. */
export interface Order {
  orderId: string;
  sku: string;
  quantity: number;
  /** In the currency's minor unit, such as cents. */
  amount: number;
  customer: string;
  /** Where the customer reads SMS, in E.164: `+491701234567`. Without it none is sent. */
  phone?: string;
  reviewer: string;
  manager: string;
  /** Base URL of the third party that keeps stock, takes payments and sends messages. */
  shopUrl: string;
  /** How many days each wait lasts; the defaults are 3, 3, 4 and 7. */
  waits?: Partial<Waits>;
}

/** Days, each counted from the end of the wait before. */
export interface Waits {
  untilReminder: number;
  untilEscalation: number;
  untilExpiry: number;
  untilFollowUp: number;
}

export type Phase =
  | 'placed'
  | 'reserving'
  | 'charging'
  | 'awaiting approval'
  | 'compensating'
  | 'shipped'
  | 'following up'
  | 'closed';

/** What the query `status` answers. */
export interface OrderStatus {
  phase: Phase;
  /** Messages sent to the reviewer and the manager after the first request. */
  reminders: number;
  decision: Decision | null;
}

export interface Decision {
  approved: boolean;
  by: string;
  reason?: string;
}

/** What the projection `order-followup/order/<order id>` holds. */
export interface Progress extends OrderStatus {
  outcome: OrderOutcome['outcome'] | null;
}

/** The run's result. */
export interface OrderOutcome {
  orderId: string;
  outcome: 'approved' | 'refused' | 'expired' | 'payment declined';
  decidedBy: string | null;
  reminders: number;
  /** Steps that were undone, in the order in which they were undone. */
  undone: string[];
}

/** A call of the third party: where, what, and the key under which it may be repeated. */
export interface ShopCall {
  shopUrl: string;
  idempotencyKey: string;
}
