import { constants, createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { frame } from './grpc.js';
import { connectUpstream, type CallContext } from './upstream.js';

let cluster: Http2Server;
let address: string;

beforeEach(async () => {
  cluster = createServer();
  cluster.on('stream', (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(frame(Buffer.from('answer')));
  });
  await new Promise<void>((resolve) => cluster.listen(0, '127.0.0.1', resolve));
  address = `127.0.0.1:${(cluster.address() as AddressInfo).port}`;
});
afterEach(() => new Promise((resolve) => cluster.close(resolve)));

const context = (): CallContext => ({ headers: {}, deadline: performance.now() + 10_000 });

test('a call is answered', async () => {
  const upstream = connectUpstream({ address, namespace: 'any' });
  expect(String(await upstream.call('Any', Buffer.from('question'), context()))).toBe('answer');
  upstream.close();
});

test('one that is closed at any moment of its first call ends that call, and breaks nothing', async () => {
  for (let turns = 0; turns < 40; turns++) {
    const upstream = connectUpstream({ address, namespace: 'any' });
    const outcome = upstream.call('Any', Buffer.from('question'), context()).catch((error: unknown) => error);
    for (let made = 0; made < turns; made++) await turn();
    upstream.close();
    const answer = await outcome;
    if (!(answer instanceof Uint8Array)) expect(answer).toMatchObject({ code: status.UNAVAILABLE });
  }
});

describe('a call that Temporal has not answered yet', () => {
  let held: ServerHttp2Stream[];
  beforeEach(() => {
    held = [];
    cluster.removeAllListeners('stream');
    cluster.on('stream', (stream) => void held.push(stream));
  });
  const answerHeld = (): void => {
    for (const stream of held) {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(frame(Buffer.from('answer')));
    }
  };

  test('is cancelled with whom it waits for (invariant 3)', async () => {
    const upstream = connectUpstream({ address, namespace: 'any' });
    let abandon = (): void => undefined;
    const whenAbandoned = (listener: () => void): void => void (abandon = listener);
    const outcome = upstream.call('Poll', Buffer.from('question'), { ...context(), whenAbandoned });
    await vi.waitFor(() => expect(held).toHaveLength(1));
    abandon();
    await expect(outcome).rejects.toMatchObject({ code: status.UNAVAILABLE });
    await vi.waitFor(() => expect(held[0]!.rstCode).toBe(constants.NGHTTP2_CANCEL));
    upstream.close();
  });

  test('ends before its connection does, and no other begins (invariants 3 and 4)', async () => {
    const upstream = connectUpstream({ address, namespace: 'any' });
    const outcome = upstream.call('Respond', Buffer.from('question'), context());
    await vi.waitFor(() => expect(held).toHaveLength(1));
    upstream.close();
    await expect(upstream.call('Respond', Buffer.from('question'), context())).rejects.toMatchObject({
      code: status.UNAVAILABLE,
    });
    answerHeld();
    expect(String(await outcome)).toBe('answer');
    await vi.waitFor(() => expect(held[0]!.session?.destroyed ?? true).toBe(true));
    expect(held).toHaveLength(1);
  });
});
