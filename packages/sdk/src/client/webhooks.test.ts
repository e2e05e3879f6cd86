import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PegasusClient, isPegasusApiError } from './index.js';
import { json, localServer, uuid, type Answer, type LocalServer } from './testing-support/local-server.js';

const AT = '2026-01-01T00:00:00.000Z';
const webhook = {
  id: uuid(1),
  url: 'https://example.com/hook',
  statuses: ['FAILED'],
  events: [],
  workflowName: null,
  description: null,
  enabled: true,
  disabledReason: null,
  previousSecretExpiresAt: null,
  createdByUserId: null,
  createdAt: AT,
  updatedAt: AT,
};
const delivery = {
  id: uuid(2),
  webhookId: uuid(1),
  executionId: uuid(3),
  dispatchId: null,
  status: 'PENDING',
  attempts: 1,
  responseStatus: 500,
  lastError: 'The receiver answered 500.',
  nextAttemptAt: AT,
  deliveredAt: null,
  createdAt: AT,
  updatedAt: AT,
};
const ingress = {
  id: uuid(4),
  integrationId: 'a:b',
  url: 'https://pegasus.example.com/ingress/4',
  auth: 'HMAC',
  secretPrefix: null,
  previousSecretExpiresAt: null,
  signature: {
    header: 'x-signature',
    algorithm: 'sha256',
    encoding: 'hex',
    signedContent: 'body',
    secretEncoding: 'utf8',
  },
  eventType: 'pegasus_event.received',
  dedupPath: 'id',
  keepHeaders: [],
  acknowledgement: { status: 200, headers: {}, body: { ok: true } },
  enabled: true,
  lastReceivedAt: null,
  createdByUserId: null,
  createdAt: AT,
  updatedAt: AT,
};

describe('webhooks and ingresses', () => {
  let server: LocalServer;
  let client: PegasusClient;
  beforeEach(async () => {
    server = await localServer();
    client = new PegasusClient({ baseUrl: server.url, token: 'vnd_secret' });
  });
  afterEach(() => server.close());

  const one = (data: object): Answer => json(200, { data });
  const many = (...rows: object[]): Answer => json(200, { data: rows, meta: { count: rows.length } });
  const asked = () => server.requests.map(({ method, url }) => `${method} ${url}`);

  it('call what the contract says, and decode what it answers', async () => {
    server.answer(many(webhook), one({ ...webhook, secret: 'whsec_x' }), many(delivery), one(delivery));
    expect(await client.webhooks.list()).toEqual([webhook]);
    expect(await client.webhooks.create({ url: webhook.url, statuses: ['FAILED'] })).toHaveProperty(
      'secret',
      'whsec_x',
    );
    expect(
      await client.webhooks.deliveries(uuid(1), { limit: 2, status: 'PENDING', before: undefined }),
    ).toEqual([delivery]);
    expect(await client.webhooks.redeliver(uuid(1), uuid(2))).toEqual(delivery);
    expect(asked()).toEqual([
      'GET /api/v1/webhooks',
      'POST /api/v1/webhooks',
      `GET /api/v1/webhooks/${uuid(1)}/deliveries?limit=2&status=PENDING`,
      `POST /api/v1/webhooks/${uuid(1)}/deliveries/${uuid(2)}/redeliver`,
    ]);
  });

  it('name an integration safely in the path, and read fields of tomorrow', async () => {
    server.answer(one({ ...ingress, tomorrow: 1, signature: { ...ingress.signature, tomorrow: 1 } }));
    expect(await client.ingress.get('a:b')).toEqual(ingress);
    expect(asked()).toEqual(['GET /api/v1/integrations/a%3Ab/ingress']);
  });

  it('take a 204 for a success', async () => {
    server.answer((_request, response) => void response.writeHead(204).end());
    await client.webhooks.delete(uuid(1));
    await client.ingress.delete('a:b');
    expect(asked()).toEqual([
      `DELETE /api/v1/webhooks/${uuid(1)}`,
      'DELETE /api/v1/integrations/a%3Ab/ingress',
    ]);
  });

  it('never repeat what makes a secret', async () => {
    server.answer(json(503, { error: 'Later.', code: 'SERVICE_UNAVAILABLE' }));
    const failed: unknown = await client.ingress.rotate('a:b').catch((error: unknown) => error);
    expect(isPegasusApiError(failed)).toBe(true);
    expect(server.requests).toHaveLength(1);
  });
});
