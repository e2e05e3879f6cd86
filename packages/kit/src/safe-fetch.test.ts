import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { gzipSync, brotliCompressSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { parseEgressExceptions, type EgressPolicy } from './egress.js';
import { safeFetch, wasNeverSent, type SafeFetchOptions } from './safe-fetch.js';
import { nextHop } from './safe-fetch-redirect.js';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
});

async function serve(
  listener: RequestListener,
): Promise<{ port: number; url: string; seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    listener(request, response);
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, url: `http://127.0.0.1:${port}`, seen };
}

const open: EgressPolicy = { exceptions: parseEgressExceptions('127.0.0.0/8'), plainHttp: false };
const base: SafeFetchOptions = { timeoutMs: 15_000, maxResponseBytes: 100_000, redirect: 'error' };
const get = (url: string, over: Partial<SafeFetchOptions> = {}, policy = open) =>
  safeFetch(url, { ...base, ...over }, policy);
const code = (name: string) => expect.objectContaining({ code: name });

describe('a call', () => {
  it('answers any status with headers and body, and sends what it was given', async () => {
    const { url, seen } = await serve((request, response) => {
      request.on('data', (chunk) => response.write(chunk));
      request.on('end', () => response.end());
      response.writeHead(418, { 'X-Two': ['a', 'b'] });
    });
    const answer = await get(`${url}/a?b=c`, { method: 'POST', headers: { 'X-Key': 'k' }, body: 'hello' });
    expect(answer).toMatchObject({ status: 418, headers: { 'x-two': 'a, b' }, url: `${url}/a?b=c` });
    expect(answer.body.toString()).toBe('hello');
    expect(seen[0]).toMatchObject({ method: 'POST', url: '/a?b=c' });
    expect(seen[0]!.headers['x-key']).toBe('k');
  });

  it.each(['gzip', 'br'])('unpacks %s, and answers of HEAD that only name it', async (encoding) => {
    const { url } = await serve((_request, response) => {
      response.setHeader('content-encoding', encoding);
      response.end(encoding === 'br' ? brotliCompressSync('text') : gzipSync('text'));
    });
    expect((await get(url)).body.toString()).toBe('text');
    expect((await get(url)).headers).not.toHaveProperty('content-encoding');
    expect((await get(url, { method: 'HEAD' })).body).toHaveLength(0);
  });
});

describe('what the other side has got', () => {
  it('is told once which encodings there are, in whatever letters the caller writes the header', async () => {
    const { url, seen } = await serve((_request, response) => response.end());
    await get(url, { headers: { 'Accept-Encoding': 'identity' } });
    expect(seen[0]!.headers['accept-encoding']).toBe('identity');
    expect(seen[0]!.rawHeaders.filter((name) => name.toLowerCase() === 'accept-encoding')).toHaveLength(1);
  });

  it('is nothing for certain where no connection was made, and nothing is certain otherwise', async () => {
    const failureOf = (promise: Promise<unknown>) =>
      promise.then(() => undefined).catch((error: unknown) => error);
    const { url, port } = await serve((_request, response) => response.destroy());
    expect(wasNeverSent(await failureOf(get('http://127.0.0.1:1')))).toBe(true);
    expect(wasNeverSent(await failureOf(get('https://10.0.0.1')))).toBe(true);
    const nameless = { ...open, resolve: async () => [] };
    expect(wasNeverSent(await failureOf(get('https://nowhere.test', {}, nameless)))).toBe(true);
    expect(wasNeverSent(await failureOf(get(url)))).toBe(false);
    const redirecting = await serve((_request, response) =>
      response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    );
    expect(wasNeverSent(await failureOf(get(redirecting.url, { redirect: 'follow' })))).toBe(false);
    expect(wasNeverSent(new Error(String(port)))).toBe(false);
  });
});

describe('a hostile answer (invariant 3)', () => {
  it('that is too large ends the call, also when it is small until unpacked', async () => {
    const { url } = await serve((request, response) => {
      if (request.url === '/bomb') {
        response.setHeader('content-encoding', 'gzip');
        return response.end(gzipSync(Buffer.alloc(50_000_000)));
      }
      const more = (): void => {
        while (response.write(Buffer.alloc(16_384)));
        response.once('drain', more);
      };
      return more();
    });
    await expect(get(`${url}/endless`)).rejects.toThrow(/larger than 100000 bytes/);
    await expect(get(`${url}/bomb`)).rejects.toThrow(/larger than 100000 bytes/);
  });

  it('that never comes, never ends, is broken off, or is not what it says, is an UPSTREAM_ERROR', async () => {
    const { url } = await serve((request, response) => {
      if (request.url === '/drip') return response.write('x');
      if (request.url === '/broken')
        return response.writeHead(200, { 'content-length': '10' }).write('x', () => response.destroy());
      if (request.url === '/short')
        return response.writeHead(200, { 'content-encoding': 'gzip' }).end('plain');
      return undefined;
    });
    await expect(get(`${url}/silent`, { timeoutMs: 100 })).rejects.toThrow(/did not answer within 100 ms/);
    await expect(get(`${url}/drip`, { timeoutMs: 100 })).rejects.toThrow(code('UPSTREAM_ERROR'));
    await expect(get(`${url}/broken`)).rejects.toThrow(code('UPSTREAM_ERROR'));
    await expect(get(`${url}/short`)).rejects.toThrow(code('UPSTREAM_ERROR'));
  });

  it('is not waited for once the caller gives up', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const { url } = await serve(() => controller.abort(reason));
    await expect(get(url, { signal: controller.signal })).rejects.toBe(reason);
  });
});

describe('an address that may not be reached', () => {
  it('is refused by name and by number, before anything is sent', async () => {
    const { port, seen } = await serve((_request, response) => response.end());
    const closed: EgressPolicy = { exceptions: [], plainHttp: true };
    for (const host of ['127.0.0.1', 'localhost', '0x7f.1', '2130706433', '[::ffff:127.0.0.1]', '[::1]'])
      await expect(get(`http://${host}:${port}`, {}, closed), host).rejects.toThrow(
        code('EXTERNAL_ADDRESS_REFUSED'),
      );
    expect(seen).toHaveLength(0);
  });

  it('is not reached by a name that changes its answer after the check (invariant 1)', async () => {
    const { port, seen } = await serve((_request, response) => response.end('reached'));
    const asked: string[] = [];
    // Public when it is checked; the private address at every later look.
    const rebinding = (first: string): EgressPolicy => ({
      exceptions: parseEgressExceptions('127.0.0.2'),
      plainHttp: true,
      resolve: async (host) => [asked.push(host) === 1 ? first : '127.0.0.1'],
    });
    // 127.0.0.2 stands for the address that was checked: nobody listens there, and nothing else is tried.
    await expect(get(`http://rebind.test:${port}`, {}, rebinding('127.0.0.2'))).rejects.toThrow(
      code('UPSTREAM_ERROR'),
    );
    expect(asked).toEqual(['rebind.test']);
    await expect(get(`http://rebind.test:${port}`, {}, rebinding('127.0.0.2'))).rejects.toThrow(
      code('EXTERNAL_ADDRESS_REFUSED'),
    );
    expect(seen).toHaveLength(0);
  });

  it('is not reached by a redirect (invariant 2)', async () => {
    const inner = await serve((_request, response) => response.end('secret'));
    const outer = await serve((_request, response) =>
      response.writeHead(302, { location: `http://localhost:${inner.port}/` }).end(),
    );
    const policy: EgressPolicy = {
      exceptions: parseEgressExceptions(`127.0.0.1:${outer.port}`),
      plainHttp: true,
    };
    await expect(get(outer.url, { redirect: 'follow' }, policy)).rejects.toThrow(
      code('EXTERNAL_ADDRESS_REFUSED'),
    );
    expect(inner.seen).toHaveLength(0);
  });

  it('says of an unknown name no more than that', async () => {
    const policy: EgressPolicy = { ...open, resolve: async () => [] };
    await expect(get('https://nowhere.test', {}, policy)).rejects.toThrow(
      /"nowhere.test" failed: its name has no address/,
    );
  });
});

describe('redirects', () => {
  it('are followed with the credentials of the same origin only', async () => {
    const other = await serve((_request, response) => response.end('there'));
    const { url, seen } = await serve((request, response) => {
      const location = request.url === '/' ? '/second' : `${other.url}/third`;
      response.writeHead(307, { location }).end();
    });
    const headers = { Authorization: 'Bearer t', 'X-Api-Key': 'k', Accept: 'text/plain' };
    const answer = await get(url, { redirect: 'follow', headers });
    expect(answer).toMatchObject({ status: 200, url: `${other.url}/third` });
    expect(seen[1]!.headers).toMatchObject({ authorization: 'Bearer t', 'x-api-key': 'k' });
    expect(other.seen[0]!.headers).toMatchObject({ accept: 'text/plain' });
    expect(other.seen[0]!.headers).not.toHaveProperty('authorization');
    expect(other.seen[0]!.headers).not.toHaveProperty('x-api-key');
  });

  it('end: at the limit, at once, or as the answer', async () => {
    const { url, seen } = await serve((_request, response) =>
      response.writeHead(302, { location: '/' }).end(),
    );
    await expect(get(url, { redirect: 'follow', maxRedirects: 3 })).rejects.toThrow(/redirects too often/);
    expect(seen).toHaveLength(4);
    await expect(get(url)).rejects.toThrow(/does not follow/);
    expect(await get(url, { redirect: 'manual' })).toMatchObject({ status: 302 });
  });

  it('never lead from https to http, nor a mutation elsewhere', () => {
    const hop = (method: string) => ({ url: new URL('https://a.test/x'), method, headers: {}, body: 'b' });
    const to = (location: string, status = 307) => ({ status, headers: { location } });
    for (const location of ['http://a.test/', 'ftp://a.test', 'https://u:p@a.test', 'https://[bad'])
      expect(() => nextHop(hop('GET'), to(location)), location).toThrow(code('UPSTREAM_ERROR'));
    expect(() => nextHop(hop('POST'), to('https://b.test/'))).toThrow(/changes something/);
    expect(nextHop(hop('POST'), to('/y', 303))).toMatchObject({ method: 'GET', body: undefined });
    expect(nextHop(hop('PUT'), to('/y', 308))).toMatchObject({ method: 'PUT', body: 'b' });
  });
});

it('refuses headers that would begin another one, without showing their value (invariant 5)', async () => {
  for (const headers of [
    { 'x-a': 'secret\r\nx-b: c' },
    { 'x-a': 'secret\0' },
    { 'x a': 'secret' },
    { Host: 'secret' },
    { 'Transfer-Encoding': 'secret' },
  ]) {
    await expect(get('https://a.test', { headers })).rejects.toThrow(code('VALIDATION_ERROR'));
    await expect(get('https://a.test', { headers })).rejects.not.toThrow(/secret/);
  }
  await expect(get('https://a.test', { method: 'CONNECT' })).rejects.toThrow(code('VALIDATION_ERROR'));
});
