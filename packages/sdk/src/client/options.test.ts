import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { SDK_VERSION } from '../version.js';
import { PegasusClient } from './index.js';

describe('making a client', () => {
  it('reads exactly the two runtime variables and names what is missing', () => {
    const env = { PEGASUS_API_BASE_URL: 'http://localhost:3000', PEGASUS_RUNTIME_TOKEN: 'jwt' };
    expect(PegasusClient.fromRuntime(env).baseUrl).toBe('http://localhost:3000');
    expect(() => PegasusClient.fromRuntime({ ...env, PEGASUS_RUNTIME_TOKEN: '' })).toThrow(
      /PEGASUS_RUNTIME_TOKEN is not set/,
    );
    expect(() => PegasusClient.fromRuntime({ PEGASUS_RUNTIME_TOKEN: 'jwt' })).toThrow(
      /PEGASUS_API_BASE_URL is not/,
    );
    expect(() => PegasusClient.fromRuntime({})).toThrow(
      /PEGASUS_API_BASE_URL and PEGASUS_RUNTIME_TOKEN are not set/,
    );
  });

  it('reads the token before every call, for it is renewed while an activity runs, and knows a dry run', async () => {
    const env: Record<string, string> = {
      PEGASUS_API_BASE_URL: 'http://localhost:3000',
      PEGASUS_RUNTIME_TOKEN: 'first',
      PEGASUS_DRY_RUN: '1',
    };
    const sent: unknown[] = [];
    const fetch = (_url: string, init: RequestInit) => {
      sent.push(new Headers(init.headers).get('authorization'));
      return Promise.resolve(Response.json({ data: [], meta: { count: 0 } }));
    };
    const client = PegasusClient.fromRuntime(env, { fetch });
    await client.executions.mutations('w', 'e');
    env['PEGASUS_RUNTIME_TOKEN'] = 'second';
    await client.executions.mutations('w', 'e');
    expect(sent).toEqual(['Bearer first', 'Bearer second']);
    expect(client.isDryRun).toBe(true);
    delete env['PEGASUS_DRY_RUN'];
    expect(PegasusClient.fromRuntime(env).isDryRun).toBe(false);
    expect(new PegasusClient({ baseUrl: 'http://x', token: 't' }).isDryRun).toBe(false);
  });

  it('refuses bad options by name, without showing the token', () => {
    const good = { baseUrl: 'http://x', token: 't' };
    const bad: [object, RegExp][] = [
      [{ baseUrl: 'localhost' }, /baseUrl/],
      [{ baseUrl: 'ftp://x' }, /baseUrl must begin/],
      [{ baseUrl: 'http://user:pw@x' }, /user name or password/],
      [{ baseUrl: 'http://x?a=1' }, /query/],
      [{ token: '' }, /token must be/],
      [{ timeoutMs: 0 }, /timeoutMs/],
      [{ maxRetries: -1 }, /maxRetries/],
    ];
    for (const [option, message] of bad)
      expect(() => new PegasusClient({ ...good, ...option })).toThrow(message);
    const secret = 'vnd_secret\n';
    expect(() => new PegasusClient({ ...good, token: secret })).toThrow(/stray newline/);
    expect(() => new PegasusClient({ ...good, token: secret })).not.toThrow(/vnd_secret/);
  });

  it('keeps the token out of JSON and inspection', () => {
    const client = new PegasusClient({ baseUrl: 'http://x', token: 'vnd_secret' });
    const nested = { client, workflows: client.workflows, executions: client.executions };
    expect(JSON.stringify(nested)).not.toContain('vnd_secret');
    expect(inspect(nested, { depth: 20, showHidden: true })).not.toContain('vnd_secret');
    expect(inspect(client)).toBe("PegasusClient { baseUrl: 'http://x' }");
  });

  it('says its own version', () => {
    const file = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
    expect(JSON.parse(file)).toMatchObject({ version: SDK_VERSION });
  });
});
