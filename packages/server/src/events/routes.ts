import {
  dataOf,
  deadLetterSchema,
  deadLettersQuerySchema,
  domainEventSchema,
  emitRequestSchema,
  emittedSchema,
  eventDetailSchema,
  eventsQuerySchema,
  eventTypeChangeSchema,
  eventTypeDeletionQuerySchema,
  eventTypeSchema,
  idSchema,
  LIMITS,
  listOf,
  newEventTypeSchema,
  replayedSchema,
  replayRequestSchema,
} from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { idempotencyKey } from '../executions/idempotency-key.js';
import { type AppEnv } from '../infra/context.js';
import { addRoute, data, list } from '../infra/http.js';
import { type DeadLetters } from './dead-letters.js';
import { type EventLog } from './log.js';
import { toEmitted, type Events } from './service.js';
import { type EventTypes } from './types-service.js';

/** What the routes call. */
export interface EventCalls {
  types: EventTypes;
  events: Events;
  log: EventLog;
  deadLetters: DeadLetters;
}

const ofType = z.object({ name: z.string().min(1).max(128) });
const ofEvent = z.object({ id: idSchema });
const oneType = (description: string) => ({ description, schema: dataOf(eventTypeSchema) });
const replayed = { description: 'How many begin anew.', schema: dataOf(replayedSchema) };

/** Mounts everything about events. */
export function mountEvents(app: OpenAPIHono<AppEnv>, calls: EventCalls): void {
  mountTypes(app, calls);
  mountTypeChanges(app, calls);
  mountEmit(app, calls);
  // Before `/events/:id`, of which `dead-letters` is none.
  mountDeadLetters(app, calls);
  mountLog(app, calls);
}

function mountTypes(app: OpenAPIHono<AppEnv>, { types }: EventCalls): void {
  addRoute(
    app,
    {
      method: 'get',
      path: '/api/v1/event-types',
      action: 'ManageEventTypes',
      summary: 'The tenant’s own event types, by name. The built-in ones are not among them.',
      responses: { 200: { description: 'All of them.', schema: listOf(eventTypeSchema) } },
    },
    async ({ principal, c }) => list(c, await types.list(principal)),
  );
  addRoute(
    app,
    {
      method: 'post',
      path: '/api/v1/event-types',
      action: 'ManageEventTypes',
      summary: 'Create an event type; names of built-in ones are reserved.',
      request: { body: newEventTypeSchema },
      errors: ['CONFLICT', 'RATE_LIMITED'],
      responses: { 201: oneType('The event type, created.') },
    },
    async ({ principal, body, c }) => data(c, await types.create(principal, body), 201),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: '/api/v1/event-types/:name',
      action: 'ManageEventTypes',
      summary: 'One event type, by name or id.',
      request: { params: ofType },
      responses: { 200: oneType('The event type.') },
    },
    async ({ principal, params, c }) => data(c, await types.get(principal, params.name)),
  );
}

function mountTypeChanges(app: OpenAPIHono<AppEnv>, { types }: EventCalls): void {
  addRoute(
    app,
    {
      method: 'patch',
      path: '/api/v1/event-types/:name',
      action: 'ManageEventTypes',
      summary: 'Change an event type: what is left out stays, null removes. The name cannot be changed.',
      request: { params: ofType, body: eventTypeChangeSchema },
      errors: ['RATE_LIMITED'],
      responses: { 200: oneType('The event type, changed.') },
    },
    async ({ principal, params, body, c }) => data(c, await types.update(principal, params.name, body)),
  );
  addRoute(
    app,
    {
      method: 'delete',
      path: '/api/v1/event-types/:name',
      action: 'ManageEventTypes',
      summary: 'Delete an event type; refused while enabled triggers listen to it, unless `force=true`.',
      request: { params: ofType, query: eventTypeDeletionQuerySchema },
      errors: ['CONFLICT'],
      responses: { 204: { description: 'Deleted; its events stay.' } },
    },
    async ({ principal, params, query, c }) => {
      await types.delete(principal, params.name, query.force);
      return c.body(null, 204);
    },
  );
}

function mountEmit(app: OpenAPIHono<AppEnv>, { events }: EventCalls): void {
  addRoute(
    app,
    {
      method: 'post',
      path: '/api/v1/event-types/:name/emit',
      action: 'EmitTenantEvent',
      summary:
        'Emit an event of the tenant’s own type or a built-in one. A repeated `Idempotency-Key` is one event; `Location` names it.',
      request: {
        params: ofType,
        body: emitRequestSchema,
        maxBodyBytes: LIMITS.eventBytes,
        emptyBody: {},
      },
      dryRun: {
        method: 'events.emit',
        wouldReturn: async ({ principal, params, body }) => ({
          status: 201,
          data: await events.wouldEmit(principal, params.name, body.payload ?? {}),
        }),
      },
      errors: ['IDEMPOTENCY_KEY_REUSED', 'RATE_LIMITED'],
      responses: { 201: { description: 'Recorded.', schema: dataOf(emittedSchema) } },
    },
    async ({ principal, params, body, c }) => {
      const key = idempotencyKey(c.req.header('idempotency-key'));
      const row = await events.emit(principal, params.name, body.payload ?? {}, key);
      c.header('Location', `/api/v1/events/${row.id}`);
      return data(c, toEmitted(row), 201);
    },
  );
}

function mountDeadLetters(app: OpenAPIHono<AppEnv>, { deadLetters }: EventCalls): void {
  addRoute(
    app,
    {
      method: 'get',
      path: '/api/v1/events/dead-letters',
      action: 'ManageEventTypes',
      summary: 'Events that could not start all their runs and are given up, each with the reason.',
      request: { query: deadLettersQuerySchema },
      responses: {
        200: { description: 'One page, the last event first.', schema: listOf(deadLetterSchema) },
      },
    },
    async ({ principal, query, c }) => list(c, await deadLetters.list(principal.tenantId, query)),
  );
  addRoute(
    app,
    {
      method: 'post',
      path: '/api/v1/events/dead-letters/replay',
      action: 'ManageEventTypes',
      audited: 'replay',
      summary: 'Replay dead letters, all or those of one type, the oldest first, at most 1000 a call.',
      request: { body: replayRequestSchema, emptyBody: {} },
      responses: { 200: replayed },
    },
    async ({ principal, body, c }) => data(c, await deadLetters.replayAll(principal.tenantId, body.type)),
  );
  addRoute(
    app,
    {
      method: 'post',
      path: '/api/v1/events/dead-letters/:id/replay',
      action: 'ManageEventTypes',
      audited: 'replay',
      summary: 'Replay the dead letter of one event: only the runs that are missing are started.',
      request: { params: ofEvent },
      responses: { 200: replayed },
    },
    async ({ principal, params, c }) => data(c, await deadLetters.replay(principal.tenantId, params.id)),
  );
  addRoute(
    app,
    {
      method: 'delete',
      path: '/api/v1/events/dead-letters/:id',
      action: 'ManageEventTypes',
      audited: 'discard',
      summary: 'Discard the dead letter of one event; the event itself stays in the log.',
      request: { params: ofEvent },
      responses: { 204: { description: 'Discarded.' } },
    },
    async ({ principal, params, c }) => {
      await deadLetters.discard(principal.tenantId, params.id);
      return c.body(null, 204);
    },
  );
}

function mountLog(app: OpenAPIHono<AppEnv>, { log }: EventCalls): void {
  addRoute(
    app,
    {
      method: 'get',
      path: '/api/v1/events',
      action: 'ReadWorkflow',
      summary: 'Events of the tenant, newest first; `type` narrows.',
      request: { query: eventsQuerySchema },
      responses: { 200: { description: 'One page.', schema: listOf(domainEventSchema) } },
    },
    async ({ principal, query, c }) => list(c, await log.list(principal.tenantId, query)),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: '/api/v1/events/:id',
      action: 'ReadWorkflow',
      summary: 'One event, the runs it has started, and how far its dispatch has come.',
      request: { params: ofEvent },
      responses: { 200: { description: 'The event.', schema: dataOf(eventDetailSchema) } },
    },
    async ({ principal, params, c }) => data(c, await log.get(principal.tenantId, params.id)),
  );
}
