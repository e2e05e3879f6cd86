/** Temporal behind TLS, with a certificate of ours and a key of its API: what a hosted cluster asks for. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createSecureServer, sensitiveHeaders, type IncomingHttpHeaders } from 'node:http2';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { frame } from './grpc.js';
import { connectUpstream } from './upstream.js';

let folder: string;
let crt: string;
let key: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pegasus-tls-'));
  const files = { crt: join(folder, 'crt.pem'), key: join(folder, 'key.pem') };
  const request =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=temporal.test';
  const named = ['-addext', 'subjectAltName=DNS:temporal.test', '-keyout', files.key, '-out', files.crt];
  execFileSync('openssl', [...request.split(' '), ...named], { stdio: 'ignore' });
  crt = readFileSync(files.crt, 'base64');
  key = readFileSync(files.key, 'base64');
});
afterAll(() => rmSync(folder, { recursive: true }));

const pem = (base64: string): Buffer => Buffer.from(base64, 'base64');
const context = () => ({ headers: {}, deadline: performance.now() + 10_000 });

test('is called by the name that its certificate has, with ours, and with the key as a secret', async () => {
  const seen: { headers: IncomingHttpHeaders; client: string; sni: string | false | null }[] = [];
  const server = createSecureServer({
    cert: pem(crt),
    key: pem(key),
    ca: pem(crt),
    requestCert: true,
    rejectUnauthorized: true,
  });
  server.on('stream', (stream, headers) => {
    const socket = stream.session!.socket as TLSSocket;
    seen.push({
      headers,
      client: String(socket.getPeerCertificate().subject.CN),
      sni: (socket as TLSSocket & { servername: string | false | null }).servername,
    });
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(frame(Buffer.from('answer')));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const upstream = connectUpstream({
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    namespace: 'any',
    apiKey: 'the key',
    tls: {
      serverNameOverride: 'temporal.test',
      serverRootCACertificate: crt,
      clientCertPair: { crt, key },
    },
  });
  for (let n = 0; n < 2; n++)
    expect(String(await upstream.call('Any', Buffer.from('question'), context()))).toBe('answer');
  expect(seen).toHaveLength(2);
  for (const { headers, client, sni } of seen) {
    expect(headers).toMatchObject({
      ':authority': 'temporal.test',
      ':scheme': 'https',
      ':path': '/temporal.api.workflowservice.v1.WorkflowService/Any',
      authorization: 'Bearer the key',
      'temporal-namespace': 'any',
      te: 'trailers',
    });
    expect(Reflect.get(headers, sensitiveHeaders)).toEqual(['authorization']);
    expect([client, sni]).toEqual(['temporal.test', 'temporal.test']);
  }
  upstream.close();
  server.close();
});

test.each([
  ['has a certificate of somebody else', { crt: false, protocols: ['h2'] }],
  ['speaks no HTTP/2', { crt: true, protocols: ['http/1.1'] }],
])('that %s is none', async (_what, { crt: ours, protocols }) => {
  let bytes = 0;
  const server = createTlsServer({ cert: pem(crt), key: pem(key), ALPNProtocols: protocols }, (socket) =>
    socket.on('data', (chunk) => (bytes += chunk.length)).on('error', () => undefined),
  );
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const upstream = connectUpstream({
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    namespace: 'any',
    apiKey: 'the key',
    tls: { serverNameOverride: 'temporal.test', ...(ours ? { serverRootCACertificate: crt } : {}) },
  });
  await expect(upstream.call('Any', Buffer.from('question'), context())).rejects.toMatchObject({
    code: status.UNAVAILABLE,
  });
  expect(bytes).toBe(0);
  upstream.close();
  server.close();
});
