import { createServer, type IncomingMessage, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text as readAll } from 'node:stream/consumers';
import { chmod } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { failureOf, Session } from './support/session.js';

const KEYS = {
  home: 'vnd_homeprofile0123456789abcdef',
  other: 'plain-secret-without-a-prefix-42',
  environment: 'vnd_environment0123456789abcdef',
  argument: 'eyJhbGciOiJIUzI1NiJ9.argument.signature',
};

const CREDENTIALS = `[default]\napi_key = "${KEYS.home}"\n\n[staging]\napi_key = "${KEYS.other}"\napi_root = "https://ada:hidden@staging.example.com"\n`;

const REPORT = {
  ok: false,
  problems: [{ stage: 'rules', where: 'rules[0]', problem: 'unknown field' }],
  corpus: {
    total: 2,
    passed: 1,
    failures: [{ name: 'late', reason: 'behavioral', detail: 'violates r1', expected: [], actual: ['r1'] }],
  },
};

/** Stands for a platform of a later release: this one does not have the route yet. */
let platform: Server;
let baseUrl: string;
let answer: { status: number; body: unknown; headers?: Record<string, string> };
let asked: { method?: string; url?: string; authorization?: string; body: unknown }[] = [];
let session: Session;
const told: unknown[] = [];

async function take(request: IncomingMessage): Promise<void> {
  const { method, url, headers } = request;
  const { authorization } = headers;
  asked.push({
    ...(method ? { method } : {}),
    ...(url ? { url } : {}),
    ...(authorization ? { authorization } : {}),
    body: JSON.parse(await readAll(request)) as unknown,
  });
}

beforeAll(async () => {
  platform = createServer((request, response) => {
    void take(request).then(() => {
      if (answer.status === 0) return;
      response.writeHead(answer.status, { 'Content-Type': 'application/json', ...answer.headers });
      response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
    });
  });
  platform.listen(0, '127.0.0.1');
  await once(platform, 'listening');
  baseUrl = `http://127.0.0.1:${(platform.address() as AddressInfo).port}`;
  session = await Session.open({ env: { PEGASUS_WORKFLOW_TOKEN: KEYS.environment } });
  await session.write({ 'home/.pegasus/credentials': CREDENTIALS });
  await chmod(path.join(session.root, 'home/.pegasus/credentials'), 0o600);
});
afterAll(async () => {
  await session[Symbol.asyncDispose]();
  platform.closeAllConnections();
  platform.close();
});
beforeEach(() => {
  asked = [];
  answer = { status: 200, body: { data: REPORT } };
});

const validate = async (more: Record<string, unknown> = {}): ReturnType<Session['call']> => {
  const result = await session.call('validate_integration_config', {
    integration_id: 'crm',
    mapping: { id: 'order.id' },
    rules: [{ id: 'r1', when: [] }],
    corpus: [{ name: 'late', input: { order: {} } }],
    base_url: baseUrl,
    token: KEYS.argument,
    ...more,
  });
  told.push(result);
  return result;
};

it('list_profiles tells names and addresses, and no more', async () => {
  const result = await session.call('list_profiles');
  told.push(result);
  const list = [
    { name: 'default', api_root: 'https://api.pegasus.dolas.dev' },
    { name: 'staging', api_root: 'https://staging.example.com/' },
  ];
  expect(result).toEqual({ isError: false, texts: [list], structured: { result: list } });
});

describe('validate_integration_config', () => {
  it("asks the platform's gate and answers its report", async () => {
    const { isError, structured, texts } = await validate();
    expect({ isError, structured, texts }).toEqual({ isError: false, structured: REPORT, texts: [REPORT] });
    expect(asked).toEqual([
      {
        method: 'POST',
        url: '/api/v1/integrations/crm/config/validate',
        authorization: `Bearer ${KEYS.argument}`,
        body: {
          mapping: { id: 'order.id' },
          rules: [{ id: 'r1', when: [] }],
          corpus: [{ name: 'late', input: { order: {} } }],
        },
      },
    ]);
  });

  it.each([
    [
      404,
      { error: 'There is nothing here.', code: 'NOT_FOUND' },
      'NOT_FOUND',
      'does not check integration configurations yet',
    ],
    [
      401,
      { error: 'The API key is not valid.', code: 'UNAUTHENTICATED' },
      'UNAUTHENTICATED',
      'The API key is not valid.',
    ],
    [403, { error: 'Not allowed.', code: 'FORBIDDEN' }, 'FORBIDDEN', 'Not allowed.'],
    [500, 'oops', 'SERVICE_UNAVAILABLE', 'answered HTTP 500'],
    [200, '<html>', 'INTERNAL_ERROR', 'is not a report of the gate'],
    [200, { data: { ok: 'yes' } }, 'INTERNAL_ERROR', 'is not a report of the gate'],
    [200, 'x'.repeat(5 * 1024 * 1024), 'INTERNAL_ERROR', 'is larger than'],
  ])('tells an answer of %d %j as one sentence', async (status, body, code, sentence) => {
    answer = { status, body };
    const failure = failureOf(await validate());
    expect(failure).toMatchObject({ code, error: expect.stringContaining(sentence) });
  });

  it('does not take the key to where a redirect leads', async () => {
    answer = { status: 307, body: {}, headers: { Location: `${baseUrl}/elsewhere` } };
    expect(failureOf(await validate())).toMatchObject({
      error: expect.stringContaining('redirects elsewhere'),
    });
    expect(asked).toHaveLength(1);
  });

  it.each([
    ['a platform that is not there', { base_url: 'http://127.0.0.1:9' }, 'cannot be reached'],
    ['another protocol', { base_url: 'file:///etc/passwd' }, 'must be an http or https URL'],
    [
      'an address with a key in it',
      { base_url: `http://a:${KEYS.argument}@localhost` },
      'must be an http or https URL',
    ],
  ])('refuses %s', async (_name, more, sentence) => {
    expect(failureOf(await validate(more))['error']).toContain(sentence);
    expect(asked).toEqual([]);
  });

  it('masks a key that the platform sends back', async () => {
    answer = { status: 400, body: { error: `Bad token ${KEYS.argument}, not ${KEYS.home}`, code: 'X' } };
    expect(failureOf(await validate())['error']).toMatch(/^Bad token …, not vnd_…cdef$/);
    answer = {
      status: 200,
      body: { data: { ...REPORT, problems: [{ stage: 's', where: KEYS.argument, problem: KEYS.other }] } },
    };
    expect((await validate()).structured).toMatchObject({ problems: [{ where: '…', problem: '…' }] });
  });

  it('stops waiting when it is cancelled, and the server goes on', async () => {
    answer = { status: 0, body: {} };
    const cancelling = new AbortController();
    const args = {
      integration_id: 'crm',
      mapping: {},
      rules: [],
      corpus: [],
      base_url: baseUrl,
      token: KEYS.argument,
    };
    const call = session.client.callTool(
      { name: 'validate_integration_config', arguments: args },
      undefined,
      {
        signal: cancelling.signal,
      },
    );
    const closed = once(platform, 'request').then(([request]) =>
      once((request as IncomingMessage).socket, 'close'),
    );
    await once(platform, 'request');
    cancelling.abort('enough');
    await expect(call).rejects.toThrow('enough');
    await closed;
    expect((await session.call('list_profiles')).isError).toBe(false);
  });
});

it('no key is in any result, nor in what the server logs', async () => {
  for (const key of [KEYS.home, KEYS.other, KEYS.environment, KEYS.argument])
    told.push(await session.call('validate_manifest', { path_or_toml: `a = "${key}"\n${key} = 1\n` }));
  told.push(await session.call('package_project', { project_dir: `./${KEYS.home}` }));
  const everything = JSON.stringify(told) + session.log;
  expect(told.length).toBeGreaterThan(15);
  for (const key of Object.values(KEYS)) expect(everything).not.toContain(key);
  expect(everything).not.toContain('hidden');
});
