import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { portsFromWorker } from '../../packages/runner/dist/supervisor/worker-ports.js';
import { House, type Cell } from './cell.js';

/** What a worker reaches: its supervisor, what the policy allows, and nothing else. */
const MINUTE = 60_000;

let echo: Server;
let web: Server;
let hidden: Server;
let house: House;
let cell: Cell;
let portOf: (server: Server) => number;
let hiddenConnections = 0;

beforeAll(async () => {
  echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  web = createHttpServer((request, response) => {
    void text(request).then((body) => response.end(`${request.method} ${request.url} ${body}`));
  });
  hidden = createServer((socket) => {
    hiddenConnections += 1;
    socket.destroy();
  });
  portOf = (server) => (server.address() as AddressInfo).port;
  for (const server of [echo, web, hidden]) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  house = await House.open({
    permission: false,
    allow: `127.0.0.1:${portOf(echo)},127.0.0.1:${portOf(web)},localhost:${portOf(web)}`,
  });
  cell = await house.cell();
}, MINUTE);
afterAll(async () => {
  await house?.close();
  for (const server of [echo, web, hidden]) server?.close();
});

/** The error code that a connection ends in, or what `connected` gives. */
const dial = (host: string, port: number, connected = `resolve('connected')`): string =>
  `return new Promise((resolve) => {
    const socket = require('node:net').connect({ host: ${JSON.stringify(host)}, port: ${port} });
    socket.on('error', (error) => resolve(error.code));
    socket.on('connect', () => { ${connected} });
  });`;

describe('with the clients as they are', () => {
  test.each([
    ['a port of this machine', '127.0.0.1'],
    ['another address of it', '127.0.0.2'],
    ['IPv6’s', '::1'],
    ['an IPv4 address inside of an IPv6 one', '::ffff:127.0.0.1'],
    ['the metadata address of clouds', '169.254.169.254'],
    ['Amazon’s by IPv6', 'fd00:ec2::254'],
    ['a private address', '10.0.0.1'],
    ['a link-local one', 'fe80::1'],
    ['multicast', '224.0.0.1'],
    ['everything', '0.0.0.0'],
  ])('%s is refused', async (_what, host) => {
    expect(await cell.run(dial(host, portOf(hidden)))).toBe('EACCES');
    expect(hiddenConnections).toBe(0);
  });

  test('fetch says in its cause what was refused, and the supervisor logs the host', async () => {
    const { thrown, code } = await cell.run<{ thrown: string; code: string }>(
      `await fetch('http://169.254.169.254/latest/meta-data/');`,
    );
    expect(thrown).toContain('The host "169.254.169.254" is refused');
    expect(code).toBe('EACCES');
    expect(cell.lines.some((line) => line.includes('a connection of tenant code was refused'))).toBe(true);
  });

  test('fetch, http and raw sockets reach what is allowed', async () => {
    const base = `http://127.0.0.1:${portOf(web)}`;
    expect(await cell.run(`return (await fetch('${base}/a', { method: 'POST', body: 'b' })).text();`)).toBe(
      'POST /a b',
    );
    expect(
      await cell.run(`return new Promise((resolve, reject) => require('node:http').get('${base}/c', async (r) => {
        let text = ''; for await (const part of r) text += part; resolve(text); }).on('error', reject));`),
    ).toBe('GET /c ');
    // The listener's form of the arguments, a half-close, and an answer that outlives it.
    expect(
      await cell.run(`return new Promise((resolve, reject) => {
        const socket = require('node:net').connect(${portOf(echo)}, '127.0.0.1', () => socket.end('x'.repeat(300_000)));
        let length = 0; socket.on('data', (part) => (length += part.length)); socket.on('error', reject); socket.on('end', () => resolve(length)); });`),
    ).toBe(300_000);
  });

  test(
    'a refusal by the other side is what it is',
    async () => {
      const closed = createServer().listen(0, '127.0.0.1');
      await once(closed, 'listening');
      const port = portOf(closed);
      closed.close();
      const own = await House.open({ permission: false, allow: '127.0.0.1' });
      try {
        expect(await (await own.cell()).run(dial('127.0.0.1', port))).toBe('ECONNREFUSED');
      } finally {
        await own.close();
      }
    },
    MINUTE,
  );
});

describe('past the clients', () => {
  test('there is no way but the supervisor’s ports', async () => {
    // A child process has a `net` that nothing was put under.
    const found = await cell.run(`const { spawnSync } = require('node:child_process');
      const dial = (port) => spawnSync(process.execPath, ['-e', 'require("net").connect(' + port + ', "127.0.0.1").on("error", (e) => console.log(e.code)).on("connect", () => { console.log("connected"); process.exit(); })']).stdout.toString().trim();
      return { hidden: dial(${portOf(hidden)}), web: dial(${portOf(web)}), interfaces: Object.keys(require('node:os').networkInterfaces()) };`);
    expect(found).toEqual({ hidden: 'ECONNREFUSED', web: 'ECONNREFUSED', interfaces: ['lo'] });
  });

  test('a tunnel that was not reserved is closed', async () => {
    const end = await cell.run(`const { spawnSync } = require('node:child_process');
      return spawnSync(process.execPath, ['-e', 'const s = require("net").connect(7235, "127.64.0.9"); s.on("close", () => console.log("closed")); s.resume();']).stdout.toString().trim();`);
    expect(end).toBe('closed');
  });

  test('CONNECT follows the same policy', async () => {
    const ask = (target: string) => `return new Promise((resolve, reject) => {
      const base = new URL(process.env.PEGASUS_API_BASE_URL);
      const request = require('node:http').request({ host: base.hostname, port: base.port, method: 'CONNECT', path: '${target}' });
      request.on('connect', (response, socket) => { socket.destroy(); resolve(response.statusCode); }); request.on('error', reject); request.end(); });`;
    expect(await cell.run(ask(`127.0.0.1:${portOf(echo)}`))).toBe(200);
    expect(await cell.run(ask(`127.0.0.1:${portOf(hidden)}`))).toBe(403);
    expect(await cell.run(ask('169.254.169.254:80'))).toBe(403);
    expect(await cell.run(ask('metadata.google.internal@127.0.0.1:80'))).not.toBe(200);
  });

  test('a request for a whole URL does too', async () => {
    const ask = (url: string) => `return new Promise((resolve, reject) => {
      const base = new URL(process.env.PEGASUS_API_BASE_URL);
      require('node:http').get({ host: base.hostname, port: base.port, path: '${url}' }, async (r) => {
        let text = ''; for await (const part of r) text += part; resolve([r.statusCode, text]); }).on('error', reject); });`;
    expect(await cell.run(ask(`http://127.0.0.1:${portOf(web)}/d`))).toEqual([200, 'GET /d ']);
    expect(await cell.run(ask(`http://127.0.0.1:${portOf(hidden)}/`))).toMatchObject([
      403,
      expect.anything(),
    ]);
  });

  test('a header that is huge is refused', async () => {
    const status = await cell.run(`const base = new URL(process.env.PEGASUS_API_BASE_URL);
      return new Promise((resolve, reject) => { const s = require('node:net').connect(base.port, base.hostname, () => s.write('GET /api/ HTTP/1.1\\r\\nhost: x\\r\\nx: ' + 'y'.repeat(1 << 20) + '\\r\\n\\r\\n'));
        s.on('data', (data) => resolve(String(data).slice(9, 12))); s.on('error', (e) => resolve(e.code)); });`);
    expect(['431', 'ECONNRESET', 'EPIPE']).toContain(status);
  });
});

describe('the channel to the supervisor', () => {
  test('takes no handles: Node’s IPC, which would carry them, is closed', async () => {
    const body = `return new Promise((resolve) => process.send({}, (error) => resolve(error?.code ?? 'sent')));`;
    expect(await cell.run(body)).toBe('ERR_IPC_CHANNEL_CLOSED');
    expect(await cell.run('return process.connected;')).toBe(false);
  });

  test.each([
    ['a line that is not JSON', `fs.writeSync(4, 'not json\\n');`],
    ['a line that does not end', `for (let n = 0; n < 64; n += 1) fs.writeSync(4, 'x'.repeat(1 << 16));`],
  ])(
    'with %s, it is the end of that worker alone',
    async (_what, attack) => {
      const attacker = await house.cell();
      await attacker.start(
        `const fs = require('node:fs'); try { ${attack} } catch {} setInterval(() => {}, 1000);`,
      );
      expect(await attacker.exited).toEqual({ code: null, signal: 'SIGKILL', outOfMemory: false });
      await cell.goesOn();
    },
    MINUTE,
  );

  test('a handle that is no port, or one port twice, ends the worker before it is anybody’s', async () => {
    const flood = `const s = require('node:net').createServer().listen(0, '127.0.0.1', () => {
      for (let n = 0; n < 50; n += 1) process.send({ type: 'port', name: 'http' }, s, {}, () => {});
    }); process.on('disconnect', () => setInterval(() => {}, 1000));`;
    const child = spawn(process.execPath, ['-e', flood], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    const exited = once(child, 'exit');
    await expect(portsFromWorker(child, exited)).rejects.toThrow('something else than its ports');
    expect(child.connected).toBe(false);
    child.kill('SIGKILL');
    await exited;
  });

  test('nobody outside of the worker’s network reaches its ports', async () => {
    const socket = connect(7234, '127.0.0.1');
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });
});
