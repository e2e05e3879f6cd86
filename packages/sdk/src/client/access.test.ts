import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PegasusClient } from './index.js';
import { json, localServer, uuid, type LocalServer } from './testing-support/local-server.js';

const at = '2026-01-01T00:00:00.000Z';
const key = {
  id: uuid(1),
  memberId: uuid(2),
  memberName: 'robot',
  name: null,
  prefix: 'vnd_abcdef',
  roles: ['workflow_developer'],
  expiresAt: null,
  revokedAt: null,
  lastUsedAt: null,
  rotatedFromId: null,
  createdByUserId: null,
  createdAt: at,
};

describe('members, keys, tenants and the audit log', () => {
  let server: LocalServer;
  let client: PegasusClient;
  beforeEach(async () => {
    server = await localServer();
    client = new PegasusClient({ baseUrl: server.url, token: 'vnd_secret' });
  });
  afterEach(() => server.close());
  const asked = () => server.requests.map(({ method, url }) => `${method} ${url}`);

  it('reads an answer without a body', async () => {
    server.answer((_request, response) => void response.writeHead(204).end());
    await client.keys.revoke(uuid(1));
    expect(asked()).toEqual([`DELETE /api/v1/keys/${uuid(1)}`]);
  });

  it('sends the filters that are set, and drops a field that it does not know', async () => {
    const data = [{ ...key, colour: 'red' }];
    server.answer(json(200, { data, meta: { count: 1 } }));
    expect(await client.keys.list({ all: true, limit: 5, before: undefined })).toEqual([key]);
    expect(asked()).toEqual(['GET /api/v1/keys?all=true&limit=5']);
  });

  it('reads the limits and what is used of them', async () => {
    const use = {
      openExecutions: { limit: 5, used: 1 },
      executionsToday: { limit: 100, used: 2, resetsAt: at },
      payloadBytes: { limit: null },
      storageBytes: {
        limit: null,
        used: 10,
        artifacts: 1,
        uploads: 2,
        storedValues: 3,
        projections: 4,
        payloads: 0,
      },
    };
    server.answer(json(200, { data: use }));
    expect(await client.quotas()).toEqual(use);
    expect(asked()).toEqual(['GET /api/v1/quotas']);
  });

  it('makes a key once, also when the answer says try again', async () => {
    server.answer(json(503, { error: 'gone', code: 'SERVICE_UNAVAILABLE' }));
    const creating = client.keys.create({ memberId: uuid(2), roles: ['workflow_developer'] });
    await expect(creating).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    expect(asked()).toEqual(['POST /api/v1/keys']);
  });
});
