import { z } from 'zod';
import { executionStatusSchema } from './executions.js';
import { filterSchema } from './filters.js';
import { LIMITS } from './limits.js';
import { idSchema, timestampSchema } from './names.js';

export const EVENT_TYPE_NAME_PATTERN = /^[a-z][a-z0-9_.-]{0,127}$/;
export const eventTypeNameSchema = z
  .string()
  .regex(
    EVENT_TYPE_NAME_PATTERN,
    'must be 1 to 128 lower-case letters, digits, "_", "." or "-", starting with a letter',
  );

/** Numbers of events and their types. */
export const EVENT_LIMITS = {
  descriptionCharacters: 500,
  /** A payload's JSON Schema, in bytes of JSON. */
  payloadSchemaBytes: 64 * 1024,
  /** Nesting of arrays and objects in it. */
  payloadSchemaDepth: 32,
  /** Dead letters that one call replays. */
  replayAtOnce: 1_000,
} as const;

export interface BuiltInEventType {
  name: string;
  description: string;
  /** JSON Schema of the payload: ids, a pointer to what happened rather than a snapshot of it. */
  payloadSchema: Record<string, unknown>;
}

const entityId = { type: ['string', 'integer'] };
const idsOf = (...names: string[]): Record<string, unknown> => ({
  type: 'object',
  properties: Object.fromEntries(names.map((name) => [name, entityId])),
});

/** The types that every tenant has; their names are reserved. */
export const BUILT_IN_EVENT_TYPES: readonly BuiltInEventType[] = [
  {
    name: 'quote.accepted',
    description: 'A customer has accepted a quote.',
    payloadSchema: idsOf('quoteId', 'customerId'),
  },
  {
    name: 'move.status_changed',
    description: 'A move has got another status.',
    payloadSchema: idsOf('moveId'),
  },
  {
    name: 'invoice.paid',
    description: 'An invoice has been paid in full.',
    payloadSchema: idsOf('invoiceId', 'customerId'),
  },
  {
    name: 'customer.created',
    description: 'There is a new customer.',
    payloadSchema: idsOf('customerId'),
  },
  {
    name: 'pegasus_event.received',
    description: 'A partner has called a webhook of this tenant.',
    payloadSchema: idsOf('integrationId'),
  },
  {
    name: 'agent.question',
    description: 'A coding agent asks whether it may make a call.',
    payloadSchema: idsOf('dispatchId', 'questionId'),
  },
  {
    name: 'agent.ended',
    description: 'A dispatch of a coding agent has ended.',
    payloadSchema: idsOf('dispatchId'),
  },
];
const BUILT_IN = new Map(BUILT_IN_EVENT_TYPES.map((type) => [type.name, type]));

/** The built-in type of a name; `undefined` when the name is free for tenants. */
export function builtInEventType(name: string): BuiltInEventType | undefined {
  return BUILT_IN.get(name);
}

/** JSON Schema, draft 2020-12; see the how-to on events for what of it is supported. */
export const payloadSchemaSchema = z.record(z.string(), z.unknown(), {
  error: 'must be a JSON Schema, an object',
});

export const eventTypeSchema = z.object({
  id: idSchema,
  tenantId: idSchema,
  name: z.string(),
  description: z.string().nullable(),
  payloadSchema: payloadSchemaSchema.nullable(),
  /** A filter over the payload: an event that it does not match is recorded, and starts nothing. */
  domainCondition: z.record(z.string(), z.unknown()).nullable(),
  enabled: z.boolean(),
  createdByUserId: idSchema.nullable(),
  createdAt: timestampSchema,
  updatedAt: timestampSchema,
});
export type EventType = z.infer<typeof eventTypeSchema>;

const description = z
  .string()
  .max(EVENT_LIMITS.descriptionCharacters, `must be at most ${EVENT_LIMITS.descriptionCharacters} characters`)
  .nullable();

/** `PATCH /api/v1/event-types/:name`: what is left out stays, null removes. */
export const eventTypeChangeSchema = z.strictObject({
  description: description.optional(),
  payloadSchema: payloadSchemaSchema.nullable().optional(),
  domainCondition: filterSchema.nullable().optional(),
  enabled: z.boolean().optional(),
});
export type EventTypeChange = z.infer<typeof eventTypeChangeSchema>;

/** `POST /api/v1/event-types` → 201 EventType. */
export const newEventTypeSchema = eventTypeChangeSchema.extend({ name: eventTypeNameSchema });
export type NewEventType = z.infer<typeof newEventTypeSchema>;

/** `DELETE /api/v1/event-types/:name?force=true`: also when enabled triggers listen to it. */
export const eventTypeDeletionQuerySchema = z.strictObject({
  force: z
    .enum(['true', 'false'])
    .default('false')
    .transform((value) => value === 'true'),
});

/** `POST /api/v1/event-types/:name/emit` → 201. A repeated `Idempotency-Key` is one event. */
export const emitRequestSchema = z.strictObject({ payload: z.record(z.string(), z.unknown()).optional() });
export type EmitRequest = z.infer<typeof emitRequestSchema>;

export const emittedSchema = z.object({
  emitted: z.literal(true),
  eventType: z.string(),
  occurredAt: timestampSchema,
});
export type Emitted = z.infer<typeof emittedSchema>;

export const domainEventSchema = z.object({
  id: idSchema,
  tenantId: idSchema,
  eventType: z.string(),
  payload: z.record(z.string(), z.unknown()),
  occurredAt: timestampSchema,
  /** API: emitted by a call. INGRESS: a partner's webhook. SYSTEM: the platform itself. */
  source: z.enum(['API', 'INGRESS', 'SYSTEM']),
  /** Who emitted it; null when no person or service account did. */
  createdByUserId: idSchema.nullable(),
  createdAt: timestampSchema,
});
export type DomainEvent = z.infer<typeof domainEventSchema>;

/** One run that an event has started. */
export const eventDeliverySchema = z.object({
  triggerId: idSchema,
  workflowId: idSchema,
  executionId: idSchema,
  status: executionStatusSchema,
  createdAt: timestampSchema,
});

/**
 * `GET /api/v1/events/:id`. WAITING: its triggers are still being looked at, or some of them could not start a run
 * and are tried again. DISPATCHED: each matching trigger has started its run. DEAD: given up, see the dead letters.
 */
export const eventDetailSchema = domainEventSchema.extend({
  dispatch: z.object({
    status: z.enum(['WAITING', 'DISPATCHED', 'DEAD']),
    attempts: z.number().int(),
    lastError: z.string().nullable(),
  }),
  deliveries: z.array(eventDeliverySchema),
});
export type EventDetail = z.infer<typeof eventDetailSchema>;

const limit = z.coerce
  .number()
  .int()
  .min(1)
  .max(LIMITS.executionsPageMax)
  .default(LIMITS.executionsPageDefault);

/** `GET /api/v1/events`: newest first; `before` is the id of the last row of the previous page. */
export const eventsQuerySchema = z.strictObject({
  limit,
  before: idSchema.optional(),
  type: eventTypeNameSchema.optional(),
});
export type EventsQuery = z.input<typeof eventsQuerySchema>;

/** An event that is given up: its id, and why. */
export const deadLetterSchema = z.object({
  /** The event's. */
  id: idSchema,
  eventType: z.string(),
  occurredAt: timestampSchema,
  reason: z.string(),
  attempts: z.number().int(),
  deadAt: timestampSchema,
});
export type DeadLetter = z.infer<typeof deadLetterSchema>;

/** `GET /api/v1/events/dead-letters`: last event first. */
export const deadLettersQuerySchema = z.strictObject({ limit, before: idSchema.optional() });
export type DeadLettersQuery = z.input<typeof deadLettersQuerySchema>;

/** `POST /api/v1/events/dead-letters/replay`: all, or those of one type, at most {@link EVENT_LIMITS.replayAtOnce} a call. */
export const replayRequestSchema = z.strictObject({ type: eventTypeNameSchema.optional() });
export type ReplayRequest = z.infer<typeof replayRequestSchema>;
export const replayedSchema = z.object({
  replayed: z.number().int(),
  /** Dead letters of the kind asked for that are still there. */
  remaining: z.number().int(),
});
export type Replayed = z.infer<typeof replayedSchema>;
