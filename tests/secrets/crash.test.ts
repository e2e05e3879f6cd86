import { randomBytes } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type MasterKeys } from '@pegasus-workflows/contracts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { forOneDialect } from '../server/support.js';
import { eventually } from '../support/wait.js';
import { KilledServer } from '../support/killed-server.js';

/** The server killed, and read from, while it brings secrets under a new master key. */
const MINUTES = 60_000;
const BASE = '/workflow-secrets-configs';
const SECRETS = 6;

interface Key {
  kty: 'oct';
  kid: string;
  k: string;
}
const newKey = (kid: string): Key => ({ kty: 'oct', kid, k: randomBytes(32).toString('base64url') });

forOneDialect('a change of master keys', (open) => {
  const file = join(tmpdir(), `pegasus-master-keys-${randomBytes(8).toString('hex')}.json`);
  let server: KilledServer;
  let keys = [newKey('key-0')];

  /** As a person or a program replaces it: at once. */
  async function writeKeys(): Promise<void> {
    await writeFile(`${file}.new`, JSON.stringify({ keys }), { mode: 0o600 });
    await rename(`${file}.new`, file);
  }
  const valueOf = (i: number) => `the value of secret ${i}`;
  const read = (i: number) => server.call('GET', `${BASE}/runtime/secrets/K${i}`);
  async function expectAllReadable(): Promise<void> {
    for (let i = 0; i < SECRETS; i++)
      expect(await read(i)).toMatchObject({ status: 200, data: { value: valueOf(i) } });
  }
  /** Resolves when nothing needs any key but the first. */
  const untilRewrapped = () =>
    eventually(
      async () => {
        const { platformApiKey } = await server.keys();
        const answer = await server.call('GET', '/master-keys', undefined, platformApiKey);
        const status = answer.data as MasterKeys;
        const needed = status.keys.filter(({ values }) => values > 0).map(({ keyId }) => keyId);
        expect([status.currentKeyId, ...needed]).toEqual([keys[0]!.kid, keys[0]!.kid]);
      },
      { timeoutMs: 2 * MINUTES },
    );
  /** What an operator does when nothing needs them any more. */
  async function forgetOldKeys(): Promise<void> {
    keys = keys.slice(0, 1);
    await writeKeys();
  }

  beforeAll(async () => {
    await writeKeys();
    const more = { PEGASUS_MASTER_KEYS: undefined, PEGASUS_MASTER_KEYS_FILE: file };
    server = await KilledServer.open(await open(), more);
    await server.start();
    for (let i = 0; i < SECRETS; i++) {
      const set = await server.call('POST', `${BASE}/secrets`, { key: `K${i}`, value: valueOf(i) });
      expect(set.status).toBe(201);
    }
  }, 3 * MINUTES);
  afterAll(() => server?.[Symbol.asyncDispose]());

  it(
    'while it serves: every read finds every secret, and then the old key can go',
    async () => {
      keys = [newKey('key-1'), ...keys];
      await writeKeys();
      let isDone = false;
      const reading = (async () => {
        while (!isDone) await expectAllReadable();
      })();
      await untilRewrapped();
      isDone = true;
      await reading;
      await forgetOldKeys();
      await server.stop();
      await server.start();
      await expectAllReadable();
    },
    5 * MINUTES,
  );

  it.each([
    ['rewrap.before-update', 1],
    ['rewrap.before-update', 4],
    ['rewrap.after-update', 1],
    [`rewrap.after-update`, SECRETS],
  ])(
    'killed at %s, hit %i: every secret opens, and the next server finishes (Rewrap invariant 2)',
    async (point, hit) => {
      await server.stop();
      keys = [newKey(`${point}-${hit}`), ...keys];
      await writeKeys();
      await server.start(`${point}=kill@${hit}`);
      expect(await server.ended).toBe('SIGKILL');
      await server.start();
      await expectAllReadable();
      await untilRewrapped();
      await forgetOldKeys();
      await expectAllReadable();
    },
    5 * MINUTES,
  );

  it(
    'that cannot be written loses nothing: the value stays, and the next round does it (Rewrap invariant 3)',
    async () => {
      await server.stop();
      keys = [newKey('after-throw'), ...keys];
      await writeKeys();
      await server.start('rewrap.before-update=throw');
      await expectAllReadable();
      // A change of the keys begins a round.
      keys = [newKey('after-that'), ...keys];
      await writeKeys();
      await untilRewrapped();
      await expectAllReadable();
    },
    5 * MINUTES,
  );
});
