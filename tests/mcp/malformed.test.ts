import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { malformedMessages, random } from './support/malformed.js';
import { INITIALIZE, RawServer } from './support/raw.js';

const SEED = 20_260_131;
const COUNT = 1_000;
const MIB = 1024 * 1024;

describe('1 000 malformed messages', () => {
  let server: RawServer;
  beforeAll(async () => {
    server = await RawServer.start();
    await server.send(INITIALIZE);
    await server.answer('init');
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it('are answered by the protocol, each under its id where it has one, and the server stays up', async () => {
    const messages = malformedMessages(COUNT, SEED);
    const bytes = Buffer.concat(messages.map((message) => message.bytes));
    // In pieces that heed no line, as a pipe delivers them.
    const next = random(SEED);
    for (let at = 0; at < bytes.length;) {
      const size = 1 + Math.floor(next() * 70_000);
      await server.write(bytes.subarray(at, at + size));
      at += size;
    }
    await server.send({ jsonrpc: '2.0', id: 'after', method: 'tools/list' });
    const after = await server.answer('after');
    expect(after.result).toMatchObject({ tools: expect.any(Array) });

    const due = messages.filter(({ code }) => code !== undefined);
    await Promise.all(due.flatMap(({ id }) => (id === null ? [] : [server.answer(id)])));
    const told = server.answers.filter(({ id }) => id !== 'init' && id !== 'after');
    for (const { id, code, bytes: line } of due.filter((message) => message.id !== null))
      expect(told.find((answer) => answer.id === id)?.error?.code, line.toString().slice(0, 200)).toBe(code);
    const nameless = (from: { id: unknown; code: number | undefined }[]): unknown[] =>
      from
        .filter(({ id }) => id === null)
        .map(({ code }) => code)
        .sort();
    expect(nameless(told.map(({ id, error }) => ({ id, code: error?.code })))).toEqual(nameless(due));
    expect(told).toHaveLength(due.length);
    for (const { error } of told) expect(error?.message.length).toBeLessThan(500);
  });
});

describe('lines', () => {
  let server: RawServer;
  beforeAll(async () => {
    server = await RawServer.start();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  it('of several MB are read', async () => {
    const toml = `# ${'x'.repeat(4 * MIB)}\n[[workflow]]\n`;
    const params = { name: 'validate_manifest', arguments: { path_or_toml: toml } };
    await server.send({ jsonrpc: '2.0', id: 1, method: 'tools/call', params });
    expect((await server.answer(1)).result).toMatchObject({ structuredContent: { valid: false } });
  });

  it('beyond the limit are refused once, dropped, and followed by those that come after', async () => {
    const before = server.answers.length;
    for (let sent = 0; sent < 20 * MIB; sent += MIB) await server.write('x'.repeat(MIB));
    await server.write('\n{"jsonrpc":"2.0","id":2,"method":"ping"}\n');
    expect((await server.answer(2)).result).toEqual({});
    expect(server.answers.slice(before)).toMatchObject([{ id: null, error: { code: -32600 } }, { id: 2 }]);
  });

  it('may end with CR LF, and arrive byte by byte', async () => {
    for (const byte of Buffer.from('{"jsonrpc":"2.0","id":"ä","method":"ping"}\r\n'))
      await server.write(Buffer.of(byte));
    expect((await server.answer('ä')).result).toEqual({});
  });

  it('with an id that is still in use are refused', async () => {
    const slow = { jsonrpc: '2.0', id: 3, method: 'tools/call', params: { name: 'list_profiles' } };
    await server.write(`${JSON.stringify(slow)}\n${JSON.stringify(slow)}\n`);
    await server.answer(({ id, result }) => id === 3 && result !== undefined);
    const refused = await server.answer(({ id, error }) => id === 3 && error !== undefined);
    expect(refused.error).toMatchObject({ code: -32600, message: expect.stringContaining('in use') });
    await server.send({ ...slow, id: 4 });
    expect((await server.answer(4)).result).toBeDefined();
  });

  it('are not repeated in any answer or log', async () => {
    const key = 'vnd_malformed0123456789abcdef';
    await server.write(`{"token": "${key}"\n`);
    await server.send({ jsonrpc: '2.0', id: 5, method: 'tools/call', params: { name: key } });
    await server.send({ jsonrpc: '2.0', id: 6, method: key });
    await server.send({ jsonrpc: '2.0', id: 7e5, result: { key } });
    await server.send({ jsonrpc: '2.0', id: 8, method: 'ping' });
    await server.answer(8);
    await server.answer(5);
    expect(JSON.stringify(server.answers) + server.log).not.toContain(key);
  });
});
