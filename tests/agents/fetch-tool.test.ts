import { once } from 'node:events';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CallJournal,
  ceilingOf,
  judge,
  PermissionEngine,
  Workspace,
  type JudgedCall,
} from '@pegasus-workflows/agents';
import { parseEgressExceptions } from '@pegasus-workflows/kit/egress';
import { type PermissionMode } from '@pegasus-workflows/contracts/agents';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PolicyFetcher } from '../../packages/agents/dist/tools/fetcher.js';

/** The tool fetch against a server of this machine, which only the operator's exception lets it reach. */
let folder: string;
const servers: Server[] = [];
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'pegasus-fetch-')));
});
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
  await rm(folder, { recursive: true, force: true });
});

async function serve(
  listener: RequestListener,
): Promise<{ url: string; port: number; seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    listener(request, response);
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, seen };
}

function judged(
  input: object,
  {
    allow = '127.0.0.1,localhost',
    mode = 'auto' as PermissionMode,
    callId = 'c',
    signal = new AbortController().signal,
  } = {},
): Promise<JudgedCall> {
  const ceiling = ceilingOf({ permissionMode: mode, isolation: 'worktree', attended: true });
  const exceptions = parseEgressExceptions(allow);
  return judge('fetch', JSON.stringify(input), {
    workspace: new Workspace(folder),
    permissions: new PermissionEngine(ceiling),
    ceiling,
    journal: new CallJournal(join(folder, 'journal')),
    reads: {},
    callId,
    signal,
    fetcher: new PolicyFetcher({ exceptions, plainHttp: true }),
  });
}
const call = async (...given: Parameters<typeof judged>): Promise<string> =>
  (await (await judged(...given)).run()).text;

it('is judged by the host that it calls', async () => {
  const input = { url: 'https://Example.com/x' };
  expect((await judged(input)).decision).toMatchObject({ verdict: 'ask', why: 'It calls "example.com".' });
  expect((await judged(input, { mode: 'dontAsk' })).decision.verdict).toBe('deny');
});

it.each([
  [{ url: 'file:///etc/passwd' }, /^url: it must begin with https/],
  [{ url: 'https://user:pw@example.com' }, /^url: it must not hold a user name/],
  [{ url: 'nonsense' }, /^url: it cannot be read/],
  [{ url: 'https://example.com', headers: { Cookie: 'a=b' } }, /^headers: "Cookie" is not sent/],
  [{ url: 'https://example.com', body: 'x' }, /^body: a GET has none/],
  [{ url: 'https://example.com', method: 'TRACE' }, /^method: /],
])('%j is refused', async (input, message) => {
  await expect(judged(input)).rejects.toThrow(message);
});

describe('an answer', () => {
  const typed = async (type: string, body: string | Buffer, more: object = {}): Promise<string> => {
    const { url } = await serve((_request, response) =>
      response.writeHead(200, { 'content-type': type }).end(body),
    );
    return call({ url, ...more });
  };

  it('is its status and its text', async () => {
    expect(await typed('application/json; charset=utf-8', '{"a":1}')).toMatch(/^200 http:[^\n]*\n\n{"a":1}$/);
    expect(await typed('text/plain; charset=iso-8859-1', Buffer.from('caf\xe9', 'latin1'))).toMatch(/café$/);
  });

  it('of a page is what a reader sees', async () => {
    const page =
      '<html><head><title>t</title><style>p{}</style><script>alert(1)</script></head><body><nav>menu</nav><h1>Title</h1><p>One <a href="/two">two</a></p></body></html>';
    const text = await typed('text/html', page);
    expect(text).toMatch(/Title\n+One two \[\/two\]$/);
    expect(text).not.toMatch(/alert|menu|</);
  });

  it('of thousands of tags in each other has an end', async () => {
    expect((await typed('text/html', '<div>'.repeat(50_000))).length).toBeLessThan(1_000);
  });

  it('that is no text is not shown', async () => {
    expect(await typed('image/png', Buffer.alloc(9))).toMatch(/9 bytes that are no text/);
    expect(await typed('text/plain', Buffer.from('a\0b'))).toMatch(/3 bytes that are no text/);
  });

  it('is cut where it is long, and none where it is too long', async () => {
    expect(await typed('text/plain', 'é'.repeat(100), { maxBytes: 51 })).toMatch(
      /\n\né{25}\n\(149 more bytes are not shown\)$/,
    );
    await expect(typed('text/plain', Buffer.alloc(6_000_000, 'x'))).rejects.toThrow(
      /larger than 5242880 bytes/,
    );
  });

  it('is not waited for when nobody wants it any more', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const { url } = await serve(() => controller.abort(reason));
    await expect(call({ url }, { signal: controller.signal })).rejects.toBe(reason);
  });
});

describe('addresses', () => {
  it('of the platform’s own network are refused, by name, by number, and by a redirect', async () => {
    const { port, url, seen } = await serve((_request, response) => response.end('reached'));
    for (const host of ['127.0.0.1', 'localhost', '[::1]', '2130706433'])
      await expect(call({ url: `http://${host}:${port}` }, { allow: '' }), host).rejects.toMatchObject({
        code: 'NO_ANSWER',
      });
    const leading = await serve((_request, response) => response.writeHead(302, { location: url }).end());
    const allow = `127.0.0.1:${leading.port}`;
    await expect(call({ url: leading.url }, { allow, mode: 'bypassPermissions' })).rejects.toThrow(
      /is refused/,
    );
    expect(seen).toHaveLength(0);
  });
});

describe('a redirect', () => {
  it('on the same host is followed', async () => {
    const { url } = await serve((request, response) =>
      request.url === '/a'
        ? response.writeHead(302, { location: '/b' }).end()
        : response.end(`at ${request.url}`),
    );
    expect(await call({ url: `${url}/a` })).toMatch(/at \/b$/);
  });

  it('to another host is told, unless that may be called without asking', async () => {
    const other = await serve((_request, response) => response.end('elsewhere'));
    const target = `http://localhost:${other.port}/x`;
    const { url } = await serve((_request, response) => response.writeHead(302, { location: target }).end());
    expect(await call({ url })).toContain(`It redirects to "${target}", which was not followed`);
    expect(other.seen).toHaveLength(0);
    expect(await call({ url }, { mode: 'bypassPermissions' })).toMatch(/elsewhere$/);
  });
});

describe('a call that changes something', () => {
  it('is made once, and says again what it said', async () => {
    const { url, seen } = await serve((_request, response) => response.end(`number ${seen.length}`));
    const first = await call({ url, method: 'POST', body: 'x' });
    expect(first).toMatch(/number 1$/);
    expect(await call({ url, method: 'POST', body: 'x' })).toBe(first);
    expect(await call({ url, method: 'POST', body: 'x' }, { callId: 'd' })).toMatch(/number 2$/);
    expect(seen).toHaveLength(2);
  });

  it('that broke off is said to have perhaps been made, and is not made again; one never sent is', async () => {
    const { url, seen } = await serve((_request, response) => response.destroy());
    for (const _ of [1, 2])
      expect(await call({ url, method: 'POST' })).toMatch(/may have reached the other side\.$/);
    expect(seen).toHaveLength(1);
    await expect(call({ url: 'http://127.0.0.1:1', method: 'POST' }, { callId: 'd' })).rejects.toMatchObject({
      code: 'NO_ANSWER',
    });
  });
});
