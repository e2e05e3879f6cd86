import {
  idSchema,
  liveExecutionQuerySchema,
  liveExecutionsQuerySchema,
  PegasusError,
  type Action,
} from '@pegasus-workflows/contracts';
import { type Context } from 'hono';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { type ExecutionEngine } from '../executions/engine.js';
import { type Capability } from '../infra/capability.js';
import { type AppEnv, type Services } from '../infra/context.js';
import { addRoute } from '../infra/http.js';
import { type LogReader } from '../logs/reader.js';
import { ChangeReader, parseCursor } from './changes.js';
import { executionEvents, hasSeenTheEnd, parsePlace } from './execution-events.js';
import { ChangeFeed } from './feed.js';
import { type LiveEvent } from './sse.js';
import { LiveStreams, STREAM_HEADERS, STREAM_SETTINGS, type StreamSettings } from './streams.js';
import { tenantEvents } from './tenant-events.js';

type LiveServices = Pick<Services, 'db' | 'temporal' | 'logger'>;
type Executions = Pick<ExecutionEngine, 'lookup' | 'onWritten'>;

interface Live {
  reader: ChangeReader;
  feed: ChangeFeed;
  logs: LogReader;
  streams: LiveStreams;
  settings: StreamSettings;
}

/** Streams of what happens to executions. */
export function createLive(
  services: LiveServices,
  engine: Executions,
  logs: LogReader,
  settings: StreamSettings = STREAM_SETTINGS,
): Capability {
  const logger = services.logger.child({ area: 'live' });
  const reader = new ChangeReader(services.db);
  const live = {
    reader,
    feed: new ChangeFeed(reader, logger),
    logs,
    streams: new LiveStreams(settings, logger),
    settings,
  };
  engine.onWritten(() => live.feed.kick());
  return {
    mount: (app) => {
      mountTenantStream(app, live);
      mountExecutionStream(app, live, services, engine);
    },
    start: () => ({
      stop: async () => {
        live.streams.stop();
        await live.feed.idle();
      },
    }),
  };
}

const ACTION = 'ReadWorkflow' satisfies Action;
const stream = { description: 'Server-sent events.', contentType: 'text/event-stream' };

function mountTenantStream(app: OpenAPIHono<AppEnv>, { reader, feed, streams, settings }: Live): void {
  addRoute(
    app,
    {
      method: 'get',
      path: '/api/v1/executions/stream',
      action: ACTION,
      summary:
        'Executions of the tenant as they change, as server-sent events. `Last-Event-ID` goes on from an event: none is missed.',
      errors: ['CONCURRENCY_LIMIT'],
      request: { query: liveExecutionsQuerySchema },
      responses: { 200: stream },
    },
    ({ query: filter, principal: { tenantId }, c }) => {
      const from = placeOf(c, parseCursor);
      return begin(c, streams, tenantId, (signal) =>
        tenantEvents({ reader, feed }, { tenantId, from, filter, signal, markMs: settings.heartbeatMs }),
      );
    },
  );
}

function mountExecutionStream(
  app: OpenAPIHono<AppEnv>,
  { reader, feed, logs, streams }: Live,
  { temporal }: LiveServices,
  { lookup }: Executions,
): void {
  addRoute(
    app,
    {
      method: 'get',
      path: '/api/v1/workflows/:id/executions/:eid/stream',
      action: ACTION,
      summary:
        'One execution and its timeline as they happen, as server-sent events, until it has ended; with `logs`, what its code logs too. `Last-Event-ID` goes on from an event.',
      errors: ['CONCURRENCY_LIMIT'],
      request: { params: z.object({ id: idSchema, eid: idSchema }), query: liveExecutionQuerySchema },
      responses: {
        200: stream,
        204: { description: 'It has ended, and `Last-Event-ID` is its last event.' },
      },
    },
    async ({ params: { id, eid }, query, principal, c }) => {
      const from = placeOf(c, parsePlace);
      const row = await lookup.row(principal, id, eid);
      if (hasSeenTheEnd(row, from)) return c.body(null, 204);
      const read = () => lookup.find(principal, id, eid);
      return begin(c, streams, principal.tenantId, (signal) =>
        executionEvents(
          { reader, feed, temporal, logs },
          { row, from, signal, read, withLogs: query.logs === 'true' },
        ),
      );
    },
  );
}

function begin(
  c: Context<AppEnv>,
  streams: LiveStreams,
  tenantId: string,
  events: (signal: AbortSignal) => AsyncGenerator<LiveEvent, void>,
): Response {
  // Nobody would read, or end, the stream.
  if (c.req.method === 'HEAD') return new Response(null, { headers: STREAM_HEADERS });
  const again = c.get('authenticateAgain');
  return streams.begin({ tenantId, events, mayStill: async () => (await again()).actions.has(ACTION) });
}

function placeOf<T>(c: Context<AppEnv>, parse: (text: string) => T | undefined): T | undefined {
  const text = c.req.header('last-event-id');
  // A browser sends an empty one before the first event.
  if (text === undefined || text === '') return undefined;
  const place = parse(text);
  if (place !== undefined) return place;
  throw new PegasusError(
    'VALIDATION_ERROR',
    'Last-Event-ID is not the id of an event of this stream; leave it out to begin anew.',
  );
}
