import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_API_ROOT, readCredentials, writeProfile } from './files.js';
import { maskKeys } from './mask.js';

let root: string;
let place: { env: NodeJS.ProcessEnv; cwd: string };

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'cli-credentials-'));
  place = { env: { HOME: path.join(root, 'home') }, cwd: path.join(root, 'work') };
  await mkdir(place.cwd);
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function put(file: string, text: string): Promise<string> {
  const full = path.join(root, file);
  await mkdir(path.dirname(full), { recursive: true });
  await writeFile(full, text, { mode: 0o600 });
  return full;
}

describe('the credentials file', () => {
  it('is the override, else the folder’s own, else the home one (invariant 1)', async () => {
    await put('home/.pegasus/credentials', '[default]\napi_key = "home"\n');
    expect((await readCredentials(place)).profiles.get('default')?.apiKey).toBe('home');
    await put('work/.pegasus/credentials', '[default]\napi_key = "folder"\n');
    expect((await readCredentials(place)).profiles.get('default')?.apiKey).toBe('folder');
    const env = { ...place.env, PEGASUS_CREDENTIALS_FILE: await put('other', '[default]\napi_key = "o"\n') };
    expect((await readCredentials({ ...place, env })).profiles.get('default')?.apiKey).toBe('o');
  });

  it('an override that does not exist is no profile, not the home file', async () => {
    await put('home/.pegasus/credentials', '[default]\napi_key = "home"\n');
    const env = { ...place.env, PEGASUS_CREDENTIALS_FILE: path.join(root, 'none') };
    expect((await readCredentials({ ...place, env })).profiles.size).toBe(0);
  });

  it('is written at home or at the override, never in the folder (invariant 2)', async () => {
    const local = await put('work/.pegasus/credentials', '[default]\napi_key = "folder"\n');
    const written = await writeProfile(place, 'local', { api_key: 'k' });
    expect(written).toBe(path.join(root, 'home/.pegasus/credentials'));
    expect(await readFile(local, 'utf8')).toBe('[default]\napi_key = "folder"\n');
  });

  it('is private and leaves nothing beside it (invariant 3)', async () => {
    const file = await writeProfile(place, 'local', { api_key: 'k' });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(path.dirname(file))).toEqual(['credentials']);
    await chmod(file, 0o644);
    await writeProfile(place, 'local', { api_key: 'k2' });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('follows a link instead of replacing it', async () => {
    const real = await put('dotfiles/credentials', '# mine\n');
    const link = path.join(root, 'link');
    await symlink(real, link);
    await writeProfile({ ...place, env: { PEGASUS_CREDENTIALS_FILE: link } }, 'local', { api_key: 'k' });
    expect(await readFile(real, 'utf8')).toBe('# mine\n\n[local]\napi_key = "k"\n');
  });

  it('warns about a file that others can read', async () => {
    const file = await put('home/.pegasus/credentials', '[default]\napi_key = "k"\n');
    expect((await readCredentials(place)).warnings).toEqual([]);
    await chmod(file, 0o640);
    expect((await readCredentials(place)).warnings.join()).toContain(`chmod 600 ${file}`);
  });

  it('never quotes a line of a file that is no TOML (invariant 4)', async () => {
    const file = await put('home/.pegasus/credentials', '[default]\napi_key = vnd_secretsecretsecret\n');
    const failure = await readCredentials(place).catch((error: unknown) => String(error));
    expect(failure).toContain(`${file}:2`);
    expect(failure).not.toContain('secret');
  });

  it('gives a profile without api_root the public one', async () => {
    await put('home/.pegasus/credentials', '[default]\napi_key = "k"\n');
    expect((await readCredentials(place)).profiles.get('default')?.apiRoot).toBe(DEFAULT_API_ROOT);
  });

  it.each(['', 'a b', 'a.b', '[x]'])('refuses the profile name %j', async (name) => {
    await expect(writeProfile(place, name, { api_key: 'k' })).rejects.toThrow(/Profile name/);
  });

  it('registers every key it reads as a secret (invariant 4)', async () => {
    await put('home/.pegasus/credentials', '[default]\napi_key = "a key of no known shape"\n');
    await readCredentials(place);
    expect(maskKeys('the key is a key of no known shape.')).toBe('the key is ….');
  });

  it('reads a file with a byte order mark and CRLF', async () => {
    await put('home/.pegasus/credentials', '\uFEFF[default]\r\napi_key = "k"\r\n');
    expect((await readCredentials(place)).profiles.get('default')?.apiKey).toBe('k');
  });

  it('that is UTF-16, a folder, or behind a file is refused with what to do', async () => {
    const file = await put('home/.pegasus/credentials', '');
    await writeFile(file, Buffer.from('\uFEFF[default]\napi_key = "k"\n', 'utf16le'));
    await expect(readCredentials(place)).rejects.toThrow(`${file} is not UTF-8 text.`);
    await rm(file);
    await mkdir(file);
    await expect(readCredentials(place)).rejects.toThrow(`${file} cannot be read: it is a folder.`);
    await expect(writeProfile(place, 'a', { api_key: 'k' })).rejects.toThrow('it is a folder');
    const env = { PEGASUS_CREDENTIALS_FILE: path.join(await put('plain', ''), 'credentials') };
    await expect(readCredentials({ ...place, env })).rejects.toThrow('a part of its path is not a folder');
    await expect(writeProfile({ ...place, env }, 'a', { api_key: 'k' })).rejects.toThrow('is not a folder');
  });

  it('warns about a file that others can change, and names the mode', async () => {
    const file = await put('home/.pegasus/credentials', '[default]\napi_key = "k"\n');
    await chmod(file, 0o622);
    expect((await readCredentials(place)).warnings).toEqual([
      `${file} can be changed by others (mode 622); run: chmod 600 ${file}`,
    ]);
  });

  it.runIf(process.getuid?.() === 0)(
    'of another user: root is warned, and gives back what it changes',
    async () => {
      const file = await put('home/.pegasus/credentials', '[default]\napi_key = "k"\n');
      await chown(file, 65_534, 65_534);
      expect((await readCredentials(place)).warnings).toEqual([
        `${file} belongs to another user (uid 65534)`,
      ]);
      await writeProfile(place, 'local', { api_key: 'k2' });
      expect((await stat(file)).uid).toBe(65_534);
    },
  );

  it('is made where a dangling link points', async () => {
    const env = { PEGASUS_CREDENTIALS_FILE: path.join(root, 'link') };
    await mkdir(path.join(root, 'dotfiles'));
    await symlink('dotfiles/credentials', env.PEGASUS_CREDENTIALS_FILE);
    await writeProfile({ ...place, env }, 'local', { api_key: 'k' });
    expect(await readFile(path.join(root, 'dotfiles/credentials'), 'utf8')).toBe('[local]\napi_key = "k"\n');
  });

  it('removes the draft that a killed writer left', async () => {
    const file = await put('home/.pegasus/credentials', '');
    await put('home/.pegasus/credentials.0123456789ab.draft', 'half');
    await put('home/.pegasus/credentials.mine', 'kept');
    await writeProfile(place, 'local', { api_key: 'k' });
    expect((await readdir(path.dirname(file))).sort()).toEqual(['credentials', 'credentials.mine']);
  });

  it('loses no profile of writers that come together (invariant 5)', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `p${index}`);
    await Promise.all(names.map((name) => writeProfile(place, name, { api_key: `key of ${name}` })));
    expect([...(await readCredentials(place)).profiles.keys()].sort()).toEqual(names.sort());
  });
});
