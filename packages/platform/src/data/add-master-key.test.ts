import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { addMasterKey } from './add-master-key.js';
import { dataLayout, prepareDataDir } from './layout.js';

let dataDir: string;
let file: string;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'pegasus-keys-'));
  file = dataLayout(dataDir).secrets.masterKeys;
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

const keysThere = async () =>
  (JSON.parse(await readFile(file, 'utf8')) as { keys: { kid: string; k: string }[] }).keys;

it('a new key comes first, the others stay as they are, and only this user can read them', async () => {
  await prepareDataDir(dataLayout(dataDir));
  const before = await keysThere();
  const added = await addMasterKey(dataDir);
  const after = await keysThere();
  expect(after.slice(1)).toEqual(before);
  expect(added).toEqual({ file, keyId: after[0]!.kid, keyIds: after.map(({ kid }) => kid) });
  expect(Buffer.from(after[0]!.k, 'base64url')).toHaveLength(32);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

it('of several at once each adds its own', async () => {
  await prepareDataDir(dataLayout(dataDir));
  const added = await Promise.all([addMasterKey(dataDir), addMasterKey(dataDir), addMasterKey(dataDir)]);
  const ids = (await keysThere()).map(({ kid }) => kid);
  expect(ids).toHaveLength(4);
  for (const { keyId } of added) expect(ids).toContain(keyId);
});

it('where no platform is, nothing is made', async () => {
  await expect(addMasterKey(dataDir)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(stat(file)).rejects.toThrow(/ENOENT/);
});

it('a set that the server would refuse is left as it is, and nothing of it is in the message', async () => {
  await prepareDataDir(dataLayout(dataDir));
  const broken = '{"keys": [{"kty": "oct", "kid": "a", "k": "dG9vLXNob3J0"}]}';
  await writeFile(file, broken);
  const refused = addMasterKey(dataDir);
  await expect(refused).rejects.toMatchObject({ code: 'VALIDATION_ERROR' });
  await expect(refused).rejects.not.toThrow(/dG9vLXNob3J0/);
  expect(await readFile(file, 'utf8')).toBe(broken);
});
