import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createContext, type GlobalOptions } from '../context.js';
import { resolveCredentials } from './resolve.js';

let home: string;
let notes: string;

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'cli-resolve-'));
  notes = '';
});
afterEach(() => rm(home, { recursive: true, force: true }));

const TWO =
  '[default]\napi_key = "d"\napi_root = "http://d"\n[local]\napi_key = "l"\napi_root = "http://l"\n';

async function resolve(toml: string, options: GlobalOptions = {}, env: NodeJS.ProcessEnv = {}) {
  await mkdir(path.join(home, '.pegasus'), { recursive: true });
  await writeFile(path.join(home, '.pegasus/credentials'), toml, { mode: 0o600 });
  const stream = { write: (text: string) => void (notes += text) };
  const surroundings = { env: { HOME: home, ...env }, cwd: home, stdout: stream, stderr: stream };
  const { token, baseUrl } = await resolveCredentials(createContext(surroundings, options));
  return { token, baseUrl };
}

describe('resolveCredentials', () => {
  const env = { PEGASUS_WORKFLOW_TOKEN: 'e', PEGASUS_BASE_URL: 'http://e/' };

  it('takes flags, then the named profile, then the environment, then default', async () => {
    const flags = { token: 'f', baseUrl: 'http://f', profile: 'local' };
    expect(await resolve(TWO, flags, env)).toEqual({ token: 'f', baseUrl: 'http://f' });
    expect(await resolve(TWO, { profile: 'local' }, env)).toEqual({ token: 'l', baseUrl: 'http://l' });
    expect(await resolve(TWO, {}, env)).toEqual({ token: 'e', baseUrl: 'http://e' });
    expect(await resolve(TWO)).toEqual({ token: 'd', baseUrl: 'http://d' });
  });

  it('takes token and base URL each from the highest that gives it', async () => {
    expect(await resolve(TWO, { token: 'f', profile: 'local' })).toEqual({ token: 'f', baseUrl: 'http://l' });
    expect(await resolve(TWO, { baseUrl: 'http://f' })).toEqual({ token: 'd', baseUrl: 'http://f' });
    expect(await resolve('', { token: 'f' })).toEqual({ token: 'f', baseUrl: 'http://localhost:3000' });
  });

  it('uses the only profile there is in place of default, and says so', async () => {
    const only = '[local]\napi_key = "l"\napi_root = "http://l"\n';
    expect(await resolve(only)).toEqual({ token: 'l', baseUrl: 'http://l' });
    expect(notes).toContain('using profile "local"');
    await expect(resolve(`${only}[other]\napi_key = "o"\n`)).rejects.toMatchObject({ exitCode: 3 });
  });

  it('ends with 3 for no key and for an unknown profile, with the nearest name', async () => {
    await expect(resolve('')).rejects.toMatchObject({ exitCode: 3 });
    await expect(resolve(TWO, { profile: 'locl' })).rejects.toMatchObject({
      exitCode: 3,
      hint: expect.stringContaining('--profile local'),
    });
  });

  it('ends with 2 for a base URL that is none', async () => {
    await expect(resolve(TWO, { baseUrl: 'ftp://x' })).rejects.toMatchObject({ exitCode: 2 });
  });
});
