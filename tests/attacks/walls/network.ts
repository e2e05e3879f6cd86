import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { stage, WALLS } from '../stage.js';
import { expectRefused, refusals, type Outcome } from './outcomes.js';

type Outcomes = Record<string, Outcome>;
type ByClient = Record<string, Outcomes>;

const addressOf = (text: string): { host: string; port: number } => {
  const [host = '', port] = text.split(':');
  return { host, port: Number(port) };
};
const temporal = () => addressOf(stage.platform.temporal.address);
const server = () => addressOf(new URL(stage.platform.url).host);

/** Ports that answer on this machine, so that a refusal is the wall's. */
async function expectOpen({ host, port }: { host: string; port: number }): Promise<void> {
  const socket = connect({ host, port });
  await once(socket, 'connect');
  socket.destroy();
}

describe.runIf(WALLS['network'])('the network', () => {
  test('leads to Temporal’s own port by no client', async () => {
    await expectOpen(temporal());
    const [outcomes] = Object.values(await stage.attack<ByClient>('dial', { addresses: [temporal()] }));
    expect(refusals(outcomes!)).toEqual({ net: 'EACCES', fetch: 'EACCES', http2: 'EACCES' });
  });

  test('leads to the server’s own port by no client', async () => {
    await expectOpen(server());
    const [outcomes] = Object.values(await stage.attack<ByClient>('dial', { addresses: [server()] }));
    expect(refusals(outcomes!)).toEqual({ net: 'EACCES', fetch: 'EACCES', http2: 'EACCES' });
  });

  test('leads to no cloud’s metadata', async () => {
    const hosts = ['169.254.169.254', 'fd00:ec2::254', '100.100.100.200'];
    const addresses = hosts.map((host) => ({ host, port: 80 }));
    for (const outcomes of Object.values(await stage.attack<ByClient>('dial', { addresses })))
      expectRefused(outcomes, 'EACCES');
  });

  test('leads to no inner address in any spelling', async () => {
    const hosts = ['localhost', '127.1', '2130706433', '0x7f000001', '017700000001', '0.0.0.0', '[::1]', '[::ffff:127.0.0.1]', '[::127.0.0.1]', '10.0.0.1', '192.168.0.1', '172.16.0.1']; // prettier-ignore
    expectRefused(await stage.attack<Outcomes>('dial-spellings', { hosts, port: server().port }), 'EACCES');
  });

  test('of a thread, in which nothing was put under net, leads nowhere', async () => {
    const addresses = [temporal(), server(), { host: '169.254.169.254', port: 80 }];
    const paths = ['/etc/shadow', stage.platform.dataDir];
    const { saw } = await stage.attack<{ saw: Record<string, string> }>('dial-from-a-thread', {
      addresses,
      paths,
    });
    expect(Object.values(saw)).toHaveLength(5);
    for (const end of Object.values(saw))
      expect(['ECONNREFUSED', 'ENETUNREACH', 'EACCES', 'ERR_ACCESS_DENIED', 'ENOENT']).toContain(end);
  });

  test('takes no datagram out, and resolves no name into one', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const heard: Buffer[] = [];
    socket.on('message', (message) => heard.push(message));
    const { port } = socket.address() as AddressInfo;
    const seen = await stage.attack<Outcomes & { interfaces: string[] }>('send-datagrams', { port });
    expect(seen.interfaces).toEqual(['lo']);
    expectRefused({ lookup: seen['lookup']!, resolve: seen['resolve']! });
    expect(heard).toEqual([]);
    socket.close();
  });

  test('is not opened by asking the supervisor to connect', async () => {
    const { host, port } = server();
    const targets = [`${host}:${port}`, stage.platform.temporal.address, '169.254.169.254:80', `x@${host}:${port}`, `[::ffff:${host}]:${port}`]; // prettier-ignore
    const outcomes = await stage.attack<Record<string, { saw: { connect: string; proxy: string } }>>(
      'ask-the-supervisor-to-connect',
      { targets },
    );
    for (const [target, { saw }] of Object.entries(outcomes)) {
      expect([target, saw.connect]).toEqual([target, expect.stringMatching(/^(4\d\d|502|)$/)]);
      expect([target, saw.proxy]).toEqual([target, expect.stringMatching(/^(4\d\d|502|)$/)]);
    }
  });

  test('leads to no other part of the server by any spelling of a path', async () => {
    const paths = ['/internal/v1/demand', '/api/../internal/v1/demand', '/api/%2e%2e/internal/v1/demand', '/api/..%2finternal/v1/demand', '/api/v1/..;/..;/internal/v1/demand', '//internal/v1/demand', '/api\\..\\internal\\v1\\demand', '/metrics', '/artifacts/../internal/v1/demand', '/api/v1/../../internal/v1/demand']; // prettier-ignore
    // With the runner's own token, which no worker has, so that what is refused is the way and not the caller.
    const token = (await readFile(join(stage.platform.dataDir, 'secrets/runner.token'), 'utf8')).trim();
    const headers = { authorization: `Bearer ${token}` };
    const outcomes = await stage.attack<Record<string, { saw: [number, string] }>>(
      'ask-the-server-for-paths',
      {
        paths,
        headers,
      },
    );
    for (const [path, { saw }] of Object.entries(outcomes))
      expect([path, [400, 401, 404]]).toEqual([path, expect.arrayContaining([saw[0]])]);
  });

  test('carries no request within a request', async () => {
    const outcomes = await stage.attack<Outcomes>('smuggle-a-request', { path: '/internal/v1/demand' });
    for (const outcome of Object.values(outcomes)) {
      const heard = 'saw' in outcome ? String(outcome.saw) : '';
      // The second request, where it is one, is answered by the supervisor itself.
      expect(heard).not.toMatch(/runner token|demand/i);
      for (const [status] of heard.matchAll(/(?<=HTTP\/1\.1 )\d+/g))
        expect(['400', '401', '404']).toContain(status);
    }
    expect(await stage.log('server')).not.toContain('/internal/v1/demand HTTP');
  });

  test('gives out no artifact of the neighbour’s', async () => {
    const sha256s = [stage.neighbour.workflow.artifactSha256];
    const outcomes = await stage.attack<Record<string, { saw: number }>>('take-an-artifact', { sha256s });
    expect(Object.values(outcomes).map(({ saw }) => saw)).toEqual([404, 404]);
  });

  test('has no local sockets of the host', async () => {
    expectRefused(await stage.attack<Outcomes>('dial-local-sockets'), 'ENOENT', 'ECONNREFUSED', 'EACCES', 'ERR_ACCESS_DENIED'); // prettier-ignore
  });

  test('lets nobody in to what tenant code serves', async () => {
    const port = 18_234;
    const attack = stage.attack('listen-for-the-neighbour', { port, seconds: 2 });
    const socket = connect(port, '127.0.0.1');
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
    expect(await attack).toEqual({ saw: 'nobody came' });
  });

  test('takes so many connections to the supervisor and no more', async () => {
    const { open } = await stage.attack<{ open: number }>('hold-connections', { count: 450 });
    expect(open).toBeLessThanOrEqual(512);
  });

  test('ends a request with a huge header', async () => {
    const outcome = await stage.attack<Outcome>('send-a-huge-header-to-the-supervisor');
    if ('saw' in outcome) expect(outcome.saw).toBe('431');
    else expect(['ECONNRESET', 'EPIPE']).toContain(outcome.refused);
  });
});
