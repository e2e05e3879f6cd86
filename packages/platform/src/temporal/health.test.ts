import { createServer } from 'node:http2';
import { type AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { freePort } from '../process/ports.js';
import { probeTemporal, waitForTemporal } from './health.js';

it('names the address, the time and the reason when nothing answers', async () => {
  const address = `127.0.0.1:${await freePort('127.0.0.1')}`;
  const waiting = waitForTemporal({ address, namespace: 'default', tls: false }, { timeoutMs: 500 });
  await expect(waiting).rejects.toThrow(`Temporal at ${address} did not answer within 0.5 s: `);
});

it('stops waiting when it is told to', async () => {
  const address = `127.0.0.1:${await freePort('127.0.0.1')}`;
  const signal = AbortSignal.abort(new Error('it exited'));
  const waiting = waitForTemporal({ address, namespace: 'default', tls: false }, { timeoutMs: 500, signal });
  await expect(waiting).rejects.toThrow('it exited');
});

it('asks once, and says what it was told', async () => {
  let asked = 0;
  const cluster = createServer();
  cluster.on('stream', (stream, headers) => {
    const isQuestion = headers[':path']?.endsWith('/DescribeNamespace') ?? false;
    if (isQuestion) asked++;
    const said = isQuestion
      ? { 'grpc-status': '14', 'grpc-message': 'interrupted (9)' }
      : { 'grpc-status': '0' };
    stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers(said));
    stream.end(isQuestion ? undefined : Buffer.alloc(5));
  });
  await new Promise<void>((resolve) => cluster.listen(0, '127.0.0.1', resolve));
  const address = `127.0.0.1:${(cluster.address() as AddressInfo).port}`;
  expect(await probeTemporal({ address, namespace: 'default', tls: false })).toBe(
    '14 UNAVAILABLE: interrupted (9)',
  );
  expect(asked).toBe(1);
  await new Promise((resolve) => cluster.close(resolve));
});
