import { createHash, randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type PayloadKeyInfo } from '@pegasus-workflows/contracts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { forOneDialect } from '../server/support.js';
import { KilledServer } from '../support/killed-server.js';

/** The server killed while a tenant's keys are made and changed. */
const MINUTES = 60_000;

forOneDialect('payload keys of a killed server', (open) => {
  let server: KilledServer;
  const keys = async () => (await server.call('GET', '/payload-keys')).data as PayloadKeyInfo[];
  const current = async () => (await keys()).filter((key) => key.current).map(({ id }) => id);
  const rotate = () => server.call('POST', '/payload-keys/rotate');
  /** What the supervisor asks first; makes the tenant's first key. */
  async function workerKeys(): Promise<Response> {
    const { tenantId } = await server.keys();
    const headers = { authorization: `Bearer ${server.runnerToken}` };
    return fetch(`${server.url}/internal/v1/tenants/${tenantId}/payload-keys`, { headers });
  }

  beforeAll(
    async () => void (server = await KilledServer.open(await open(), { PEGASUS_PAYLOAD_ENCRYPTION: 'on' })),
  );
  afterAll(() => server?.[Symbol.asyncDispose]());

  it.each([
    ['payload-key.before-insert', 0],
    ['payload-key.inserted', 1],
  ])(
    'at %s: the first key is there or not, and the next need finds one (Keyring invariant 1)',
    async (point, left) => {
      await server.start(`${point}=kill`);
      await expect(workerKeys()).rejects.toThrow();
      expect(await server.ended).toBe('SIGKILL');
      await server.start();
      expect(await keys()).toHaveLength(left);
      if (left === 0) return;
      const set = (await (await workerKeys()).json()) as { currentId: string };
      expect(await current()).toEqual([set.currentId]);
    },
    3 * MINUTES,
  );

  it.each([
    ['payload-key.retired', 0],
    ['payload-key.rotated', 1],
  ])(
    'at %s: the old key is current, or the new one, and never none or two (Keyring invariant 2)',
    async (point, more) => {
      await server.startUnlessRunning();
      const before = await keys();
      await server.start(`${point}=kill`);
      await expect(rotate()).rejects.toThrow();
      expect(await server.ended).toBe('SIGKILL');
      await server.start();
      expect(await keys()).toHaveLength(before.length + more);
      expect(await current()).toHaveLength(1);
      expect((await rotate()).status).toBe(201);
      expect(await current()).toHaveLength(1);
    },
    3 * MINUTES,
  );

  it.each([
    ['payload-blob.written', 404],
    ['payload-blob.kept', 200],
  ])(
    'at %s: a blob is there with its row, or only its file is, and putting it again keeps it (Blobs invariant 1)',
    async (point, status) => {
      await server.startUnlessRunning();
      const { tenantId } = await server.keys();
      const bytes = randomBytes(300_000);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const headers = { authorization: `Bearer ${server.runnerToken}` };
      const url = `${server.url}/internal/v1/tenants/${tenantId}/blobs/${sha256}`;
      const put = () => fetch(url, { method: 'PUT', headers, body: bytes });
      await server.start(`${point}=kill`);
      await expect(put()).rejects.toThrow();
      expect(await server.ended).toBe('SIGKILL');
      await server.start();
      const kept = join(server.folder, 'artifacts', 'payloads', 'kept');
      expect(await readdir(kept, { recursive: true })).toContainEqual(expect.stringContaining(sha256));
      expect((await fetch(url, { headers })).status).toBe(status);
      expect((await put()).status).toBe(204);
      const found = await fetch(url, { headers });
      expect(Buffer.from(await found.arrayBuffer()).equals(bytes)).toBe(true);
    },
    3 * MINUTES,
  );
});
