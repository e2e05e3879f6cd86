import { eq } from 'drizzle-orm';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp, revokeKey, schema } from '../../packages/server/src/index.js';
import { LogReader } from '../../packages/server/src/logs/reader.js';
import { createLive } from '../../packages/server/src/live/routes.js';
import { STREAM_SETTINGS } from '../../packages/server/src/live/streams.js';
import { openAnyDialect, testServer, type TestServer } from '../server/support.js';
import { eventually } from '../support/wait.js';
import { eventsOf, nextOf } from './sse.js';

/** Who may hold how many streams, and until when. The numbers are those of `live/streams.ts`. */
describe('live streams', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await testServer(await openAnyDialect());
  });
  afterAll(() => server?.close());

  function live(over: Partial<typeof STREAM_SETTINGS> = {}) {
    const capability = createLive(server.services, server.engine, new LogReader(server.services), {
      ...STREAM_SETTINGS,
      ...over,
    });
    const app = createApp({ ...server.services, metrics: new Registry() }, server.engine, [capability]);
    const connect = (key: string, method = 'GET') =>
      app.request('/api/v1/executions/stream', { method, headers: { authorization: `Bearer ${key}` } });
    return { connect, stop: () => capability.start!().stop() };
  }

  it('1, 3: a tenant has so many at once, and another tenant its own; one that ends makes room', async () => {
    const { a, b } = server.tenants;
    const { connect } = live({ perTenant: 2 });
    expect((await connect(a.key, 'HEAD')).status).toBe(200);
    const [first, second] = [await connect(a.key), await connect(a.key)];
    const refused = await connect(a.key);
    expect(refused.status).toBe(429);
    expect(await refused.json()).toMatchObject({
      code: 'CONCURRENCY_LIMIT',
      error: expect.stringContaining('2 live streams'),
    });
    expect(refused.headers.get('retry-after')).not.toBeNull();
    const others = await connect(b.key);
    expect(others.status).toBe(200);
    await first.body!.cancel();
    const third = await connect(a.key);
    expect(third.status).toBe(200);
    for (const one of [second, third, others]) await one.body!.cancel();
  });

  it('2: ends when its key is revoked, and when its member loses the action', async () => {
    const { db, clock } = server.services;
    const { id, key } = await server.keyOf(['workflow_developer']);
    const { connect } = live({ recheckMs: 20 });
    const events = eventsOf(await connect(key));
    await nextOf(events, ({ event }) => event === 'ready');
    await db.tenant(server.tenants.a.id, (tx) => revokeKey(tx, id, clock()));
    expect((await events.next()).done).toBe(true);
    const narrowed = await server.keyOf(['workflow_developer']);
    const others = eventsOf(await connect(narrowed.key));
    await nextOf(others, ({ event }) => event === 'ready');
    const { apiKeys } = schema;
    await db.system((tx) =>
      tx
        .update(apiKeys)
        .set({ roles: ['integration_publisher'] })
        .where(eq(apiKeys.id, narrowed.id)),
    );
    expect((await others.next()).done).toBe(true);
  });

  it('4: end when the server does, and none begins after', async () => {
    const { connect, stop } = live();
    const events = eventsOf(await connect(server.tenants.a.key));
    await nextOf(events, ({ event }) => event === 'ready');
    await stop();
    expect((await events.next()).done).toBe(true);
    expect((await connect(server.tenants.a.key)).status).toBe(503);
  });

  it('say that they are alive, and cut off a reader that takes nothing', async () => {
    const { connect } = live({ heartbeatMs: 20, stalledMs: 200 });
    const response = await connect(server.tenants.a.key);
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    await eventually(async () => expect((await reader.read()).value).toBe(':\n\n'), { intervalMs: 0 });
    await reader.cancel();
    const { connect: again } = live({ perTenant: 1, heartbeatMs: 20, stalledMs: 50 });
    const stalled = (await again(server.tenants.a.key)).body!.getReader();
    await stalled.read();
    await eventually(async () => expect((await again(server.tenants.a.key)).status).toBe(200));
    await expect(stalled.read()).rejects.toThrow(/took nothing for too long/);
  });
});
