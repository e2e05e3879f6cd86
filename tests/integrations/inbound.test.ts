import { type CanonicalEventPayload } from '@pegasus-workflows/contracts';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { failure, forEachDialect, testServer, type TestServer } from '../server/support.js';
import { order, shopConfig } from './shop.js';

/** The shop's records with the number of their change. */
const inboundConfig = () => {
  const { mapping, corpus, ...rest } = shopConfig();
  return {
    ...rest,
    mapping: { ...mapping, change: 'Seq' },
    corpus: corpus.map((one) => JSON.parse(JSON.stringify(one).replaceAll('"No":', '"Seq":1,"No":'))),
    inbound: {
      record: 'data.order',
      key: 'number',
      sequence: 'change',
      event: 'shop.order',
      invalidEvent: 'shop.order_refused',
    },
  };
};

forEachDialect('what a partner sends', (open) => {
  let server: TestServer;
  let key: string;
  let made = 0;
  let deliveries = 0;

  beforeAll(async () => {
    server = await testServer(await open(), undefined, { PEGASUS_INGRESS_PER_SECOND: '1000' });
    key = server.tenants.a.key;
    for (const name of ['shop.raw', 'shop.order', 'shop.order_refused'])
      expect(await server.call('POST', '/api/v1/event-types', { key, body: { name } })).toMatchObject({
        status: 201,
      });
  });
  afterAll(() => server?.close());

  /** An integration of its own with its ingress. */
  async function shop(config: object = inboundConfig()) {
    const id = `inbound-${(made += 1)}`;
    const base = `/api/v1/integrations/${id}`;
    expect(await server.call('POST', `${base}/config`, { key, body: config })).toMatchObject({ status: 201 });
    const body = { auth: 'BEARER', dedupPath: 'id', eventType: 'shop.raw' };
    const ingress = await server.call('POST', `${base}/ingress`, { key, body });
    const { url, secret } = ingress.body.data;
    const send = (changes: object, delivery = `d${(deliveries += 1)}`) =>
      server.call('POST', new URL(url).pathname, {
        key: secret,
        body: { id: delivery, data: { order: order(changes) } },
      });
    const events = async (type: string): Promise<CanonicalEventPayload[]> => {
      const { body } = await server.call('GET', `/api/v1/events?type=${type}&limit=200`, { key });
      const shown = await Promise.all(
        body.data.map((one: any) => server.call('GET', `/api/v1/events/${one.id}`, { key })),
      );
      return shown
        .map((reply) => reply.body.data.payload)
        .filter((payload) => payload.integrationId === id)
        .reverse();
    };
    const changes = async () => (await events('shop.order')).map(({ canonical }) => canonical['change']);
    const known = async (number: string) =>
      (await server.call('GET', `/api/v1/integration-projections/runtime/${id}/order/${number}`, { key }))
        .body.data;
    return { id, send, events, changes, known };
  }

  it('becomes a canonical event, with the record that it was made of remembered', async () => {
    const { id, send, events, known } = await shop();
    expect(await send({ Seq: 1 })).toMatchObject({ status: 200 });
    const [raw] = await events('shop.raw');
    expect(raw).toMatchObject({ body: { data: { order: order({ Seq: 1 }) } } });
    expect(await events('shop.order')).toEqual([
      {
        integrationId: id,
        sourceEventId: expect.any(String),
        receivedAt: raw!.receivedAt,
        key: 'A-1',
        canonical: { number: 'A-1', status: 'open', total: 10, change: 1 },
        valid: true,
        issues: [],
      },
    ]);
    expect(await known('A-1')).toMatchObject({ version: 1, state: order({ Seq: 1 }), updatedByUserId: null });
  });

  it('is one event for one change, however often and in whatever order it comes (invariants 1 and 2)', async () => {
    const { send, changes, known } = await shop();
    await send({ Seq: 2 }, 'same');
    await send({ Seq: 2 }, 'same');
    await send({ Seq: 2 });
    await send({ Seq: 1 });
    await send({ Seq: 2, Total: '11' });
    await send({ Seq: 3 });
    await send({ Seq: 2 });
    expect(await changes()).toEqual([2, 3]);
    expect(await known('A-1')).toMatchObject({ version: 2, state: order({ Seq: 3 }) });
  });

  it('keeps the order of changes when they come all at once (invariant 3)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([1, 2, 3, 4, 5, 6, 7, 8], { minLength: 4 }), async (numbers) => {
        const { send, changes, known } = await shop();
        const answers = await Promise.all([...numbers, ...numbers].map((Seq) => send({ Seq })));
        expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
        const seen = (await changes()) as number[];
        expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
        expect(seen.at(-1)).toBe(Math.max(...numbers));
        expect((await known('A-1')).state).toMatchObject({ Seq: Math.max(...numbers) });
      }),
      { numRuns: 5 },
    );
  });

  it('is checked against the record before it; what breaks a rule is told apart and not remembered', async () => {
    const { send, events, changes, known } = await shop();
    await send({ Seq: 1, State: 'S' });
    await send({ Seq: 2, State: 'O' });
    expect(await events('shop.order_refused')).toMatchObject([
      { key: 'A-1', valid: false, canonical: { status: 'open' }, issues: [{ ruleId: 'reopened' }] },
    ]);
    expect(await known('A-1')).toMatchObject({ version: 1, state: { State: 'S' } });
    await send({ Seq: 3, State: 'S', Total: '12' });
    expect(await changes()).toEqual([1, 3]);
  });

  it('is taken in as the partner’s own event whatever becomes of it (invariant 4)', async () => {
    const config = inboundConfig();
    const { invalidEvent: _none, ...inbound } = config.inbound;
    const cases: [object, object][] = [
      // No key, a key that nothing can be named by, no event about what is not valid, no such type of events.
      [config, { No: undefined, Seq: 1 }],
      [config, { No: 'a/b', Seq: 1 }],
      [
        { ...config, inbound },
        { Seq: 1, Total: '5000' },
      ],
      [{ ...config, inbound: { ...inbound, event: 'shop.unknown' } }, { Seq: 1 }],
      [config, { Seq: 1, Note: 'x'.repeat(300_000) }],
    ];
    for (const [given, changes] of cases) {
      const { send, events } = await shop(given);
      expect(await send(changes)).toMatchObject({ status: 200 });
      expect(await events('shop.raw')).toHaveLength(1);
      expect(await events('shop.order')).toEqual([]);
    }
    const metrics = await server.text('/metrics');
    expect(metrics).toMatch(/pegasus_integration_inbound_total{result="no-key"} 2/);
    expect(metrics).toMatch(/pegasus_integration_inbound_total{result="NOT_FOUND"} 1/);
    expect(metrics).toMatch(/pegasus_integration_inbound_total{result="PAYLOAD_TOO_LARGE"} 1/);
  });

  it('is refused by the gate where a field that names it is none', async () => {
    const config = inboundConfig();
    const body = { ...config, inbound: { ...config.inbound, sequence: 'chnge' } };
    expect(await server.call('POST', '/api/v1/integrations/none/config', { key, body })).toEqual(
      failure(
        422,
        'GATE_FAILED',
        /\/inbound\/sequence "chnge" is not in the record .* did you mean "change"\?/,
      ),
    );
  });
});
