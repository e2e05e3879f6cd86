import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PegasusClient } from './index.js';
import { json, localServer, uuid, type Answer, type LocalServer } from './testing-support/local-server.js';

const AT = '2026-01-01T00:00:00.000Z';
const eventType = {
  id: uuid(1),
  tenantId: uuid(2),
  name: 'order.paid',
  description: null,
  payloadSchema: { type: 'object' },
  domainCondition: null,
  enabled: true,
  createdByUserId: null,
  createdAt: AT,
  updatedAt: AT,
};
const event = {
  id: uuid(3),
  tenantId: uuid(2),
  eventType: 'order.paid',
  payload: { orderId: 7 },
  occurredAt: AT,
  source: 'API',
  createdByUserId: null,
  createdAt: AT,
};
const letter = {
  id: uuid(3),
  eventType: 'order.paid',
  occurredAt: AT,
  reason: 'No.',
  attempts: 12,
  deadAt: AT,
};
const emitted = { emitted: true, eventType: 'order.paid', occurredAt: AT };

describe('events', () => {
  let server: LocalServer;
  let client: PegasusClient;
  beforeEach(async () => {
    server = await localServer();
    client = new PegasusClient({ baseUrl: server.url, token: 'vnd_secret' });
  });
  afterEach(() => server.close());

  const one = (data: object, status = 200, headers = {}): Answer => json(status, { data }, headers);
  const many = (...rows: object[]): Answer => json(200, { data: rows, meta: { count: rows.length } });
  const asked = () => server.requests.map(({ method, url, body }) => `${method} ${url} ${body}`.trim());

  it('are emitted once, however often the call has to be made', async () => {
    server.answer(
      json(503, { error: 'Later.', code: 'SERVICE_UNAVAILABLE' }),
      one(emitted, 201, { location: `/api/v1/events/${uuid(3)}` }),
    );
    expect(await client.events.emit('order.paid', { orderId: 7 })).toEqual({ ...emitted, eventId: uuid(3) });
    const call = 'POST /api/v1/event-types/order.paid/emit {"payload":{"orderId":7}}';
    expect(asked()).toEqual([call, call]);
    const [first, second] = server.requests.map(({ headers }) => headers['idempotency-key']);
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    expect(second).toBe(first);
  });

  it('are emitted with the key of the caller, and without an id where a dry run has recorded none', async () => {
    server.answer(one(emitted, 201));
    expect(await client.events.emit('order.paid', {}, { idempotencyKey: 'order-7' })).toEqual(emitted);
    expect(server.requests[0]?.headers['idempotency-key']).toBe('order-7');
  });

  it('are listed and looked at', async () => {
    const detail = {
      ...event,
      dispatch: { status: 'DISPATCHED', attempts: 1, lastError: null },
      deliveries: [
        { triggerId: uuid(4), workflowId: uuid(5), executionId: uuid(6), status: 'RUNNING', createdAt: AT },
      ],
    };
    server.answer(many({ ...event, tomorrow: 1 }), one(detail));
    expect(await client.events.list({ type: 'order.paid', limit: 5, before: undefined })).toEqual([event]);
    expect(await client.events.get(uuid(3))).toEqual(detail);
    expect(asked()).toEqual(['GET /api/v1/events?type=order.paid&limit=5', `GET /api/v1/events/${uuid(3)}`]);
  });

  it('have types, whose calls are those of the contract', async () => {
    server.answer(
      many(eventType),
      one(eventType),
      one(eventType, 201),
      one(eventType),
      (_request, response) => void response.writeHead(204).end(),
    );
    expect(await client.eventTypes.list()).toEqual([eventType]);
    await client.eventTypes.get('order.paid');
    await client.eventTypes.create({ name: 'order.paid' });
    expect(await client.eventTypes.update('order.paid', { enabled: false })).toEqual(eventType);
    await client.eventTypes.delete('order.paid');
    await client.eventTypes.delete('order.paid', { force: true });
    expect(asked()).toEqual([
      'GET /api/v1/event-types',
      'GET /api/v1/event-types/order.paid',
      'POST /api/v1/event-types {"name":"order.paid"}',
      'PATCH /api/v1/event-types/order.paid {"enabled":false}',
      'DELETE /api/v1/event-types/order.paid',
      'DELETE /api/v1/event-types/order.paid?force=true',
    ]);
  });

  it('that were given up are listed, replayed and discarded', async () => {
    const replayed = { replayed: 1, remaining: 0 };
    server.answer(
      many(letter),
      one(replayed),
      one(replayed),
      one(replayed),
      (_request, response) => void response.writeHead(204).end(),
    );
    const { deadLetters } = client.events;
    expect(await deadLetters.list({ limit: 2 })).toEqual([letter]);
    expect(await deadLetters.replay(uuid(3))).toEqual(replayed);
    expect(await deadLetters.replayAll()).toEqual(replayed);
    expect(await deadLetters.replayAll({ type: 'order.paid' })).toEqual(replayed);
    await deadLetters.discard(uuid(3));
    expect(asked()).toEqual([
      'GET /api/v1/events/dead-letters?limit=2',
      `POST /api/v1/events/dead-letters/${uuid(3)}/replay`,
      'POST /api/v1/events/dead-letters/replay {}',
      'POST /api/v1/events/dead-letters/replay {"type":"order.paid"}',
      `DELETE /api/v1/events/dead-letters/${uuid(3)}`,
    ]);
  });
});
