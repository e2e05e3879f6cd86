/** Against Node's own HTTP/2, which is nghttp2: our client with its server, our server with its client. */
import { once } from 'node:events';
import {
  connect as connectHttp2,
  constants,
  createServer as createHttp2Server,
  type ClientHttp2Session,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Connection, type ConnectionOptions } from './connection.js';
import { ErrorCode } from './frames.js';
import { type Headers } from './header-decoder.js';
import { type Field } from './header-encoder.js';
import { type Stream } from './stream.js';

const LARGE = Buffer.alloc(3_000_000, 'abcdefg');
const POST: Field[] = [
  [':method', 'POST', 'again'],
  [':scheme', 'http', 'again'],
  [':authority', 'localhost', 'again'],
  [':path', '/x', 'again'],
];
const OK: Field[] = [[':status', '200', 'again']];
const END: Field[] = [['grpc-status', '0', 'again']];

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function listen(server: Server | Http2Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

interface Heard {
  heads: Headers[];
  body: Buffer;
  /** How it was closed. */
  code: number;
}

/** What comes on a stream until it is closed. */
function listenTo(stream: Stream, onEnd: () => void = () => undefined): Promise<Heard> {
  return new Promise((resolve) => {
    const heads: Headers[] = [];
    const chunks: Buffer[] = [];
    stream.listener = {
      onHeaders: (headers) => void heads.push({ ...headers }),
      onData: (chunk) => void chunks.push(Buffer.from(chunk)),
      onEnd,
      onClosed: (code) => resolve({ heads, body: Buffer.concat(chunks), code }),
    };
  });
}

describe('our client', () => {
  async function client(
    onStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
    { settings = {}, ...options }: { settings?: object } & Partial<ConnectionOptions> = {},
  ): Promise<{ connection: Connection; server: Http2Server; closed: Promise<Error | undefined> }> {
    const server = createHttp2Server({ settings });
    server.on('stream', onStream);
    const socket = connect(await listen(server), '127.0.0.1');
    let onClose!: (error: Error | undefined) => void;
    const closed = new Promise<Error | undefined>((resolve) => (onClose = resolve));
    const connection = new Connection(socket, {
      role: 'client',
      windowBytes: 100_000,
      maxHeaderBytes: 100_000,
      onClose,
      ...options,
    });
    closers.push(() => connection.destroy());
    return { connection, server, closed };
  }
  const ask = (connection: Connection, body: Buffer, more: Field[] = []): Promise<Heard> => {
    const stream = connection.open();
    const heard = listenTo(stream);
    stream.send({ head: [...POST, ...more], body });
    return heard;
  };
  const echo = (stream: ServerHttp2Stream): void => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.pipe(stream);
  };

  test('sends and hears bodies far larger than any window, many at once', async () => {
    const { connection } = await client(echo, { settings: { initialWindowSize: 20_000 } });
    const heard = await Promise.all(Array.from({ length: 5 }, () => ask(connection, LARGE)));
    for (const { heads, body, code } of heard) {
      expect(heads).toMatchObject([{ ':status': '200' }, { 'grpc-status': '0' }]);
      expect(body.equals(LARGE)).toBe(true);
      expect(code).toBe(ErrorCode.noError);
    }
  });

  test('sends headers that take several frames, and goes on when the server’s table becomes smaller', async () => {
    const seen: string[] = [];
    const { connection } = await client(
      (stream, headers) => {
        seen.push(String(headers['x-long']));
        echo(stream);
      },
      { settings: { headerTableSize: 0, maxHeaderListSize: 100_000 } },
    );
    for (let n = 0; n < 3; n++) {
      const long = String(n).repeat(30_000);
      await ask(connection, Buffer.from('x'), [
        ['x-long', long, 'once'],
        ['x-again', 'again', 'again'],
      ]);
      expect(seen[n]).toBe(long);
    }
  });

  test('has streams wait that are more than the server takes (invariant 5)', async () => {
    let open = 0;
    let most = 0;
    const { connection } = await client(
      (stream) => {
        most = Math.max(most, ++open);
        stream.on('close', () => open--);
        setImmediate(() => echo(stream));
      },
      { settings: { maxConcurrentStreams: 3 } },
    );
    // So that the server's settings are known.
    await ask(connection, Buffer.from('first'));
    const bodies = await Promise.all(
      Array.from({ length: 20 }, (_, n) => ask(connection, Buffer.from(`${n}`))),
    );
    expect(bodies.map(({ body }) => String(body))).toEqual(Array.from({ length: 20 }, (_, n) => `${n}`));
    expect(most).toBe(3);
  });

  test('cancels a stream, and the server hears it', async () => {
    let codes: number[] = [];
    const { connection } = await client((stream) =>
      stream.on('close', () => codes.push(stream.rstCode ?? -1)),
    );
    const stream = connection.open();
    const heard = listenTo(stream);
    stream.send({
      head: POST,
      body: Buffer.from('x'),
    });
    await vi.waitFor(() => expect(codes).toEqual([]));
    stream.reset(ErrorCode.cancel);
    expect((await heard).code).toBe(ErrorCode.cancel);
    await vi.waitFor(() => expect(codes).toEqual([constants.NGHTTP2_CANCEL]));
    codes = [];
  });

  test('hears an answer that comes before its question has gone', async () => {
    const { connection } = await client(
      (stream) => {
        stream.respond({ ':status': 200, 'grpc-status': '8' }, { endStream: true });
        stream.close(constants.NGHTTP2_NO_ERROR);
      },
      { settings: { initialWindowSize: 10 } },
    );
    expect((await ask(connection, LARGE)).heads).toMatchObject([{ 'grpc-status': '8' }]);
  });

  test('lets its streams end when the server says goodbye, and opens no other', async () => {
    const { connection, closed } = await client((stream) => {
      stream.session!.goaway(constants.NGHTTP2_NO_ERROR);
      setImmediate(() => echo(stream));
    });
    expect(String((await ask(connection, Buffer.from('last'))).body)).toBe('last');
    expect(await closed).toBeUndefined();
    expect(connection.usable).toBe(false);
    expect((await ask(connection, Buffer.from('later'))).code).toBe(ErrorCode.refusedStream);
  });

  test('tells each stream once that the connection is lost (invariant 1)', async () => {
    let streams = 0;
    const { connection, server, closed } = await client(() => {
      if (++streams === 4) socket!.destroy();
    });
    let socket: Socket | undefined;
    server.on('connection', (accepted: Socket) => (socket = accepted));
    const heard = await Promise.all(Array.from({ length: 4 }, () => ask(connection, Buffer.from('x'))));
    expect(heard.map(({ code }) => code)).toEqual(Array.from({ length: 4 }, () => ErrorCode.cancel));
    await closed;
  });

  test('knows that the server is there, and answers when it is asked', async () => {
    let session: { ping: (done: (error: Error | null) => void) => boolean } | undefined;
    const { connection } = await client((stream) => {
      session = stream.session;
      echo(stream);
    });
    await ask(connection, Buffer.from('x'));
    await new Promise<void>((resolve) => connection.ping(resolve));
    expect(await new Promise((resolve) => session!.ping(resolve))).toBeNull();
  });
});

describe('our server', () => {
  async function server(
    onStream: (stream: Stream, headers: Headers) => void,
    options: Partial<ConnectionOptions> = {},
  ): Promise<{ session: ClientHttp2Session; sockets: Socket[]; connections: Connection[] }> {
    const sockets: Socket[] = [];
    const connections: Connection[] = [];
    const tcp = createServer((socket) => {
      sockets.push(socket);
      connections.push(
        new Connection(socket, {
          role: 'server',
          windowBytes: 50_000,
          maxHeaderBytes: 20_000,
          maxStreams: 10,
          onStream,
          onClose: () => undefined,
          ...options,
        }),
      );
    });
    const session = connectHttp2(`http://127.0.0.1:${await listen(tcp)}`);
    session.on('error', () => undefined);
    closers.push(() => {
      session.destroy();
      for (const connection of connections) connection.destroy();
    });
    return { session, sockets, connections };
  }
  const echo = (stream: Stream): void => {
    const heard: Buffer[] = [];
    stream.listener = {
      onHeaders: () => undefined,
      onData: (chunk) => void heard.push(chunk),
      onEnd: () => stream.send({ head: OK, body: Buffer.concat(heard), trailers: END }),
      onClosed: () => undefined,
    };
  };
  interface Answer {
    head: IncomingHttpHeaders;
    trailers: IncomingHttpHeaders;
    body: Buffer;
    code: number;
  }
  const ask = (session: ClientHttp2Session, body: Buffer, headers: object = {}): Promise<Answer> =>
    new Promise((resolve) => {
      const stream = session.request({ ':method': 'POST', ':path': '/x', ...headers });
      const answer: Answer = { head: {}, trailers: {}, body: Buffer.alloc(0), code: -1 };
      const chunks: Buffer[] = [];
      stream.on('response', (head) => (answer.head = head));
      stream.on('trailers', (trailers) => (answer.trailers = trailers));
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('error', () => undefined);
      stream.on('close', () =>
        resolve({ ...answer, body: Buffer.concat(chunks), code: stream.rstCode ?? -1 }),
      );
      stream.end(body);
    });

  test('hears and sends bodies far larger than any window, many at once', async () => {
    const { session } = await server(echo);
    const answers = await Promise.all(Array.from({ length: 5 }, () => ask(session, LARGE)));
    for (const { head, trailers, body } of answers) {
      expect(head[':status']).toBe(200);
      expect(trailers['grpc-status']).toBe('0');
      expect(body.equals(LARGE)).toBe(true);
    }
  });

  test('hears headers as they were sent, again and again', async () => {
    const seen: Headers[] = [];
    const { session } = await server((stream, headers) => {
      seen.push({ ...headers });
      echo(stream);
    });
    for (let n = 0; n < 3; n++)
      await ask(session, Buffer.from('x'), { 'x-same': 'ä same', 'x-n': `${n} ~`.repeat(50) });
    expect(seen.map((headers) => [headers['x-same'], headers['x-n']])).toEqual(
      [0, 1, 2].map((n) => ['ä same', `${n} ~`.repeat(50)]),
    );
  });

  test('refuses a list of headers that is too large, and that stream alone', async () => {
    const { session } = await server(echo);
    expect((await ask(session, Buffer.from('x'), { 'x-long': 'a'.repeat(30_000) })).code).toBe(
      constants.NGHTTP2_ENHANCE_YOUR_CALM,
    );
    expect(String((await ask(session, Buffer.from('next'))).body)).toBe('next');
  });

  test('hears that a stream was cancelled', async () => {
    const closed: number[] = [];
    const { session } = await server((stream) => {
      stream.listener = {
        onHeaders: () => undefined,
        onData: () => undefined,
        onEnd: () => undefined,
        onClosed: (code) => void closed.push(code),
      };
    });
    const request = session.request({ ':method': 'POST', ':path': '/x' });
    request.on('error', () => undefined);
    await once(session, 'remoteSettings');
    request.close(constants.NGHTTP2_CANCEL);
    await vi.waitFor(() => expect(closed).toEqual([ErrorCode.cancel]));
  });

  test('answers before the question is whole, and tells the other side to stop', async () => {
    const { session } = await server((stream) => {
      stream.send({ head: [...OK, ['grpc-status', '8', 'once']] });
      stream.reset(ErrorCode.noError);
    });
    const { head, code } = await ask(session, LARGE);
    expect(head['grpc-status']).toBe('8');
    expect(code).toBe(constants.NGHTTP2_NO_ERROR);
    expect((await ask(session, LARGE)).head['grpc-status']).toBe('8');
  });
});
