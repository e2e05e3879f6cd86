/** One line that is no message, and the code of the answer it must get; undefined where none is due. */
export interface Malformed {
  bytes: Buffer;
  code: number | undefined;
  /** The id that the answer must have. */
  id: string | number | null;
}

/** Deterministic: the same seed makes the same lines. A small generator (mulberry32) is all it takes. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const PARSE = -32700;
const REQUEST = -32600;
const METHOD = -32601;
const PARAMS = -32602;

type Kind = (next: () => number, id: number) => Malformed;

/** `count` malformed messages of all kinds. */
export function malformedMessages(count: number, seed: number): Malformed[] {
  const next = random(seed);
  return Array.from({ length: count }, (_, index) => {
    const kind = KINDS[Math.floor(next() * KINDS.length)]!;
    return kind(next, index + 1);
  });
}

const text = (line: string, code: number | undefined, id: Malformed['id'] = null): Malformed => ({
  bytes: Buffer.from(`${line}\n`),
  code,
  id,
});
const json = (value: unknown, code: number | undefined, id: Malformed['id'] = null): Malformed =>
  text(JSON.stringify(value), code, id);
const pick = <T>(next: () => number, from: readonly T[]): T => from[Math.floor(next() * from.length)]!;
const request = (id: number, method: string, params?: unknown): object => ({
  jsonrpc: '2.0',
  id,
  method,
  params,
});
const call = (id: number, params: unknown): object => request(id, 'tools/call', params);

const KINDS: readonly Kind[] = [
  // not JSON: cut off, noise, two messages in a line, a bare word
  (next, id) => {
    const whole = JSON.stringify(call(id, { name: 'list_profiles' }));
    return text(whole.slice(0, 1 + Math.floor(next() * (whole.length - 1))), PARSE);
  },
  (next) =>
    text(Array.from({ length: 40 }, () => pick(next, ['{', '}', '"', '[', ',', 'x', '\\'])).join(''), PARSE),
  (_, id) => text(JSON.stringify(request(id, 'ping')).repeat(2), PARSE),
  (next) => text(pick(next, ['undefined', 'NaN', "{'a': 1}", '{"a": 1,}', 'GET / HTTP/1.1']), PARSE),
  // not UTF-8
  (_, id) => {
    const bytes = Buffer.from(`${JSON.stringify(request(id, 'ping', { word: 'xx' }))}\n`);
    bytes.set([0xc3, 0x28], bytes.indexOf('xx'));
    return { bytes, code: PARSE, id: null };
  },
  // JSON, but no message
  (next) => json(pick(next, [null, true, 7, 'ping', []] as const), REQUEST),
  (_, id) => json([request(id, 'ping'), request(id + 1, 'ping')], REQUEST),
  (next, id) => json({ ...request(id, 'ping'), jsonrpc: pick(next, ['1.0', '2', 2, null]) }, REQUEST, id),
  (_, id) => json({ id, method: 'ping' }, REQUEST, id),
  (next, id) => json({ jsonrpc: '2.0', id, method: pick(next, [7, null, {}, []] as unknown[]) }, REQUEST, id),
  (_, id) => json({ jsonrpc: '2.0', id }, REQUEST, id),
  (next) =>
    json({ jsonrpc: '2.0', id: pick(next, [null, {}, 1.5, true] as unknown[]), method: 'ping' }, REQUEST),
  (_, id) => json({ ...request(id, 'ping'), more: 1 }, REQUEST, id),
  // a method that is not there
  (next, id) =>
    json(request(id, pick(next, ['nope', 'tools/delete', '', '__proto__', 'prompts/list'])), METHOD, id),
  // params that are not as they must be
  (next, id) =>
    json({ ...request(id, 'tools/list'), params: pick(next, [7, 'x', [1], true] as unknown[]) }, PARAMS, id),
  (next, id) =>
    json(
      call(id, pick(next, [undefined, {}, { name: 7 }, { name: 'x', arguments: 3 }] as unknown[])),
      PARAMS,
      id,
    ),
  (next, id) =>
    json(call(id, { name: pick(next, ['rm', '', 'constructor', '__proto__']), arguments: {} }), PARAMS, id),
  (next, id) =>
    json(request(id, 'resources/read', pick(next, [undefined, {}, { uri: 7 }] as unknown[])), PARAMS, id),
  (_, id) => json(request(id, 'initialize', { protocolVersion: 1 }), PARAMS, id),
  // too deep, too large, too long
  (next, id) => {
    const depth = 200 + Math.floor(next() * 20_000);
    const deep = '['.repeat(depth) + ']'.repeat(depth);
    return text(`{"jsonrpc":"2.0","id":${id},"method":"ping","params":{"deep":${deep}}}`, REQUEST, id);
  },
  (_, id) => json(call(id, { name: 7, arguments: { big: 'x'.repeat(200_000) } }), PARAMS, id),
  // no answer is due: notifications, responses to nothing, empty lines
  (next) => json({ jsonrpc: '2.0', method: pick(next, ['nope', 'notifications/none']) }, undefined),
  (next) => json({ jsonrpc: '2.0', id: Math.floor(next() * 1e6) + 1e6, result: {} }, undefined),
  (next) =>
    json(
      { jsonrpc: '2.0', id: 1e9, error: pick(next, ['x', {}, null, { code: 'x' }] as unknown[]) },
      undefined,
    ),
  (_, id) =>
    json({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id + 5e6 } }, undefined),
  (next) => text(pick(next, ['', ' ', '\r', '\t\t']), undefined),
];
