import { type PayloadKeyInfo } from '@pegasus-workflows/contracts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { forEachDialect } from '../server/support.js';
import { KilledServer } from '../support/killed-server.js';

/** The server killed while a tenant's keys are made and changed. */
const MINUTES = 60_000;

forEachDialect('payload keys of a killed server', (open) => {
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
});
