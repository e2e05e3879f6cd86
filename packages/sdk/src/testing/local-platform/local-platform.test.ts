import { LIMITS, type CallExternalRequest } from '@pegasus-workflows/contracts';
import { describe, expect, it } from 'vitest';
import { PegasusClient } from '../../client/pegasus-client.js';
import { runActivity } from '../run-activity.js';
import type { LocalExternalCall } from './external-calls.js';
import { createLocalPlatform } from './local-platform.js';

/** Numbers are the invariants of LocalPlatform and of withScope. */

const EMIT = { emitted: true, eventType: 'order.placed', occurredAt: expect.any(String) as string };

/** An activity. */
async function placeOrder(orderId: string): Promise<string> {
  const client = PegasusClient.fromRuntime();
  await client.events.emit('order.placed', { orderId }, { idempotencyKey: orderId });
  return client.isDryRun ? 'dry' : 'live';
}

describe('an activity under test', () => {
  it('finds the local platform, and a live one changes', async () => {
    const platform = createLocalPlatform({ eventTypes: ['order.placed'] });
    expect((await runActivity(placeOrder, ['A-1'], { platform })).result).toBe('live');
    expect(platform.events).toMatchObject([{ eventType: 'order.placed', payload: { orderId: 'A-1' } }]);
    expect(platform.mutations).toEqual([
      {
        method: 'events.emit',
        capability: 'EmitTenantEvent',
        args: { name: 'order.placed', payload: { orderId: 'A-1' } },
        wouldReturn: EMIT,
      },
    ]);
  });

  it('in a dry run knows it, is answered the same, and changes nothing (invariant 3)', async () => {
    const platform = createLocalPlatform({ eventTypes: ['order.placed'], dryRun: true });
    expect((await runActivity(placeOrder, ['A-1'], { platform })).result).toBe('dry');
    expect(platform.events).toEqual([]);
    expect(platform.mutations).toMatchObject([{ method: 'events.emit', wouldReturn: EMIT }]);
  });

  it('beside another has its own platform (scope, invariant 1)', async () => {
    const names = ['a', 'b', 'c'];
    const found = await Promise.all(
      names.map(async (name) => {
        const platform = createLocalPlatform({ secrets: { NAME: name } });
        const read = () => platform.run(() => PegasusClient.fromRuntime().secrets.get('NAME'));
        return (await Promise.all([read(), read(), read()])).join('');
      }),
    );
    expect(found).toEqual(['aaa', 'bbb', 'ccc']);
  });

  it('leaves the environment as it was (scope, invariant 2)', async () => {
    const platform = createLocalPlatform({ dryRun: true });
    await runActivity(async () => expect({ ...process.env }['PEGASUS_DRY_RUN']).toBe('1'), [], { platform });
    expect(Object.keys(process.env).filter((name) => /^PEGASUS_(DRY|RUNTIME_TOKEN)/.test(name))).toEqual([]);
    expect(() => PegasusClient.fromRuntime()).toThrow(/PEGASUS_API_BASE_URL and PEGASUS_RUNTIME_TOKEN/);
  });
});

describe('calls are checked as the server checks them (invariant 1)', () => {
  it('values are read by group and key, and a missing one is named', async () => {
    const platform = createLocalPlatform({
      secrets: [{ key: 'TOKEN', group: 'shop', value: 's' }],
      configs: { CURRENCY: 'EUR' },
    });
    const { secrets, configs } = platform.client();
    expect(await secrets.get('TOKEN', { group: 'shop' })).toBe('s');
    expect(await configs.get('CURRENCY')).toBe('EUR');
    await expect(secrets.get('TOKEN')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('There is no secret global/TOKEN; set it first.') as string,
    });
    await expect(secrets.get('not-a-key')).rejects.toMatchObject({ code: 'VALIDATION_ERROR' });
  });

  it('what is not declared is refused, and recorded nowhere', async () => {
    const platform = createLocalPlatform({ eventTypes: ['order.placed'], requiredActions: ['SendSms'] });
    const refused = { status: 403, code: 'FORBIDDEN', message: /EmitTenantEvent.*required_actions/ };
    await expect(platform.client().events.emit('order.placed')).rejects.toMatchObject({
      ...refused,
      message: expect.stringMatching(refused.message) as string,
    });
    expect(platform.mutations).toEqual([]);
  });

  it('an action that no run may have is not granted by declaring it', async () => {
    const platform = createLocalPlatform({ requiredActions: ['ManageTenants', 'ReadWorkflowConfig'] });
    const { secrets, configs } = platform.client();
    await expect(secrets.get('A')).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(configs.get('A')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('another token is none, and another path is named', async () => {
    const platform = createLocalPlatform();
    const stranger = new PegasusClient({ baseUrl: platform.url, token: 'other', fetch: platform.fetch });
    await expect(stranger.events.emit('order.placed')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await expect(platform.client().workflows.list()).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('GET /api/v1/workflows') as string,
    });
  });

  it('an event must have a type, a payload that fits, and a key of its own', async () => {
    const payloadSchema = { type: 'object', required: ['orderId'] };
    const platform = createLocalPlatform({ eventTypes: [{ name: 'order.placed', payloadSchema }] });
    const { events } = platform.client();
    await expect(events.emit('order.lost')).rejects.toMatchObject({ status: 404 });
    await expect(events.emit('order.placed', {})).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining("must have required property 'orderId'") as string,
    });
    const key = { idempotencyKey: 'k' };
    const first = await events.emit('order.placed', { orderId: 'A' }, key);
    expect(await events.emit('order.placed', { orderId: 'A' }, key)).toEqual(first);
    await expect(events.emit('order.placed', { orderId: 'B' }, key)).rejects.toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
    expect(platform.events).toHaveLength(1);
    await events.emit('quote.accepted', { quoteId: 1 });
    expect(platform.events.map(({ eventType }) => eventType)).toEqual(['order.placed', 'quote.accepted']);
  });

  it('a projection has versions, conditions, pages and a size', async () => {
    const given = { integration: 'shop', entityType: 'order', key: 'a', state: { paid: false } };
    const platform = createLocalPlatform({ projections: [given] });
    const { projections } = platform.client();
    expect(await projections.put('shop', 'order', 'a', { paid: true }, { ifVersion: 1 })).toMatchObject({
      version: 2,
    });
    const late = projections.put('shop', 'order', 'a', {}, { ifVersion: 1 });
    await expect(late).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' });
    const again = projections.put('shop', 'order', 'a', {}, { ifVersion: 0 });
    await expect(again).rejects.toMatchObject({ code: 'PRECONDITION_FAILED' });
    await projections.update('shop', 'order', 'b', (state) => ({ was: state ?? null }));
    await projections.put('shop', 'customer', 'c', 1);
    const first = await projections.list('shop', 'order', { limit: 1 });
    expect(first).toMatchObject({ data: [{ entityKey: 'a' }], meta: { count: 1, next: 'a' } });
    const second = await projections.list('shop', 'order', { limit: 1, after: 'a' });
    expect(second).toMatchObject({ data: [{ entityKey: 'b' }], meta: { next: null } });
    await projections.delete('shop', 'order', 'b');
    await expect(projections.delete('shop', 'order', 'b')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const large = projections.put('shop', 'order', 'a', 'x'.repeat(LIMITS.projectionStateBytes));
    await expect(large).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    expect(platform.projections.map(({ entityKey, state }) => [entityKey, state])).toEqual([
      ['c', 1],
      ['a', { paid: true }],
    ]);
  });

  it('a projection that a dry run puts or deletes stays what it was (invariant 3)', async () => {
    const given = { integration: 'shop', entityType: 'order', key: 'a', state: 1 };
    const platform = createLocalPlatform({ projections: [given], dryRun: true });
    const { projections } = platform.client();
    expect(await projections.put('shop', 'order', 'a', 2)).toMatchObject({ state: 2, version: 2 });
    expect(await projections.put('shop', 'order', 'b', 2)).toMatchObject({ version: 1 });
    await projections.delete('shop', 'order', 'a');
    expect(platform.projections).toMatchObject([{ entityKey: 'a', state: 1, version: 1 }]);
    expect(platform.mutations.map(({ method }) => method)).toEqual([
      'projections.put',
      'projections.put',
      'projections.delete',
    ]);
  });

  it('an outside API is a function: what it answers, and what it throws', async () => {
    const seen: LocalExternalCall[] = [];
    const connections = {
      shop: (call: LocalExternalCall) => {
        seen.push(call);
        return call.path === '/none' ? { status: 404 } : { status: 201, body: { id: 7 } };
      },
      down: () => Promise.reject(new Error('no route')),
    };
    const platform = createLocalPlatform({ connections });
    const { externalCalls } = platform.client();
    const request = { connection: 'shop', method: 'POST', path: '/orders', body: { sku: 'kettle' } } as const;
    const answer = { status: 201, body: { id: 7 }, bodyEncoding: 'json', attempts: 1 };
    expect(await externalCalls.call(request)).toMatchObject(answer);
    expect(await externalCalls.call({ connection: 'shop', path: '/none' })).toMatchObject({
      status: 404,
      bodyEncoding: 'none',
    });
    expect(seen).toMatchObject([{ method: 'POST', body: { sku: 'kettle' } }, { method: 'GET' }]);
    expect(platform.mutations).toMatchObject([{ method: 'externalCalls.call', wouldReturn: answer }]);
    const refused = (call: CallExternalRequest, code: string) =>
      expect(externalCalls.call(call)).rejects.toMatchObject({ code });
    await refused({ connection: 'none', path: '/' }, 'NOT_FOUND');
    await refused({ connection: 'down', path: '/' }, 'UPSTREAM_ERROR');
    await refused({ connection: 'shop', path: '/', headers: { Host: 'a' } }, 'VALIDATION_ERROR');
  });

  it('an outside API is read from in a dry run, and not written to (invariant 3)', async () => {
    const called: string[] = [];
    const shop = ({ method }: LocalExternalCall) => {
      called.push(method);
      return { body: 'read' };
    };
    const platform = createLocalPlatform({ connections: { shop }, dryRun: true });
    const { externalCalls } = platform.client();
    expect(await externalCalls.call({ connection: 'shop', path: '/' })).toMatchObject({ body: 'read' });
    const written = await externalCalls.call({ connection: 'shop', method: 'DELETE', path: '/' });
    expect(written).toMatchObject({ status: 202, body: null, attempts: 0 });
    expect(called).toEqual(['GET']);
    expect(platform.mutations).toHaveLength(1);
  });
});
