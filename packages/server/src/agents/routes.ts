import {
  agentWorkspaceSchema,
  dataOf,
  DISPATCH_BODY_BYTES,
  dispatchesQuerySchema,
  dispatchEventSchema,
  dispatchEventsQuerySchema,
  dispatchRequestSchema,
  dispatchSchema,
  dispatchSummarySchema,
  idSchema,
  listOf,
  PegasusError,
} from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { idempotencyKey } from '../executions/idempotency-key.js';
import { type AppEnv } from '../infra/context.js';
import { type Database } from '../infra/database.js';
import { addRoute, data, list } from '../infra/http.js';
import { type Wakeups } from '../infra/wakeups.js';
import { STREAM_HEADERS, type LiveStreams } from '../live/streams.js';
import { type Hosts } from './hosts.js';
import { dispatchEvents, parseDispatchPlace, type DispatchPlace } from './live.js';
import { type DispatchService } from './service.js';

export const DISPATCHES = '/api/v1/agents/dispatches';
export const ONE_DISPATCH = `${DISPATCHES}/:id`;
export const dispatchParams = z.object({ id: idSchema });
const READ = 'ReadAgentDispatch';

export interface DispatchRouteParts {
  service: DispatchService;
  hosts: Hosts;
  streams: LiveStreams;
  live: { db: Database; wakeups: Wakeups };
}

/** Mounts taking dispatches in, and all that is read of them. */
export function mountDispatches(app: OpenAPIHono<AppEnv>, parts: DispatchRouteParts): void {
  mountDispatch(app, parts);
  mountReads(app, parts);
  mountStream(app, parts);
}

function mountDispatch(app: OpenAPIHono<AppEnv>, { service }: DispatchRouteParts): void {
  addRoute(
    app,
    {
      method: 'post',
      path: DISPATCHES,
      action: 'DispatchAgent',
      audited: 'dispatch',
      summary:
        'Hand a task to a coding agent in a workspace. A repeated `Idempotency-Key` answers with the first dispatch.',
      errors: ['NOT_FOUND', 'CONFLICT', 'CONCURRENCY_LIMIT'],
      request: { body: dispatchRequestSchema, maxBodyBytes: DISPATCH_BODY_BYTES },
      dryRun: {
        method: 'agents.dispatch',
        wouldReturn: async ({ principal, body }) => ({
          status: 202,
          data: await service.wouldDispatch(principal, body),
        }),
      },
      responses: { 202: { description: 'The dispatch, taken in.', schema: dataOf(dispatchSchema) } },
    },
    async ({ body, principal, c }) => {
      const key = idempotencyKey(c.req.header('idempotency-key'));
      return data(c, await service.dispatch(principal, body, key), 202);
    },
  );
}

function mountReads(app: OpenAPIHono<AppEnv>, { service, hosts }: DispatchRouteParts): void {
  addRoute(
    app,
    {
      method: 'get',
      path: DISPATCHES,
      action: READ,
      summary: 'Dispatches of the tenant, newest first.',
      request: { query: dispatchesQuerySchema },
      responses: { 200: { description: 'One page.', schema: listOf(dispatchSummarySchema) } },
    },
    async ({ query, principal, c }) => list(c, await service.list(principal.tenantId, query)),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: ONE_DISPATCH,
      action: READ,
      summary: 'One dispatch: how far it is, what it asks, how it has ended.',
      request: { params: dispatchParams },
      responses: { 200: { description: 'The dispatch.', schema: dataOf(dispatchSchema) } },
    },
    async ({ params: { id }, principal, c }) => data(c, await service.get(principal.tenantId, id)),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: `${ONE_DISPATCH}/events`,
      action: READ,
      summary: 'Wire events of a dispatch after a place, in order.',
      request: { params: dispatchParams, query: dispatchEventsQuerySchema },
      responses: { 200: { description: 'One page.', schema: listOf(dispatchEventSchema) } },
    },
    async ({ params: { id }, query, principal, c }) =>
      list(c, await service.events(principal.tenantId, id, query)),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: '/api/v1/agents/workspaces',
      action: READ,
      summary: 'Workspaces that agent hosts offer this tenant now, by name.',
      responses: { 200: { description: 'The workspaces.', schema: listOf(agentWorkspaceSchema) } },
    },
    async ({ principal, c }) => list(c, await hosts.list(principal.tenantId)),
  );
}

function mountStream(app: OpenAPIHono<AppEnv>, { service, streams, live }: DispatchRouteParts): void {
  addRoute(
    app,
    {
      method: 'get',
      path: `${ONE_DISPATCH}/stream`,
      action: READ,
      summary:
        'One dispatch and its events as they happen, as server-sent events, until it has ended. `Last-Event-ID` goes on from an event.',
      errors: ['CONCURRENCY_LIMIT'],
      request: { params: dispatchParams },
      responses: {
        200: { description: 'Server-sent events.', contentType: 'text/event-stream' },
        204: { description: 'It has ended, and `Last-Event-ID` is its last event.' },
      },
    },
    async ({ params: { id }, principal: { tenantId }, c }) => {
      const from = placeOf(c.req.header('last-event-id'));
      const { state } = await service.get(tenantId, id);
      if (state === 'ENDED' && from?.hasEnded) return c.body(null, 204);
      // Nobody would read, or end, the stream.
      if (c.req.method === 'HEAD') return new Response(null, { headers: STREAM_HEADERS });
      const again = c.get('authenticateAgain');
      return streams.begin({
        tenantId,
        mayStill: async () => (await again()).actions.has(READ),
        events: (signal) => dispatchEvents(live, { tenantId, id, from, signal }),
      });
    },
  );
}

/** Undefined where a stream is to begin anew. Throws VALIDATION_ERROR. */
function placeOf(header: string | undefined): DispatchPlace | undefined {
  // A browser sends an empty one before the first event.
  if (header === undefined || header === '') return undefined;
  const place = parseDispatchPlace(header);
  if (place) return place;
  throw new PegasusError(
    'VALIDATION_ERROR',
    'Last-Event-ID is not the id of an event of this stream; leave it out to begin anew.',
  );
}
