import { createContext, runInContext, type Context } from 'node:vm';
import { beforeEach, expect, test } from 'vitest';
import { guardedBundle } from './workflow-context.js';

const MAP = '//# sourceMappingURL=data:application/json;base64,e30=';
let context: Context;
const run = (code: string): unknown => runInContext(`'use strict';\n${code}`, context) as unknown;
beforeEach(() => {
  context = createContext({});
  runInContext(guardedBundle(`var bundled = 1;\n${MAP}`), context);
});

test.each([
  'Object.prototype.x = 1',
  'Array.prototype.map = 1',
  'Array.prototype[0] = 1',
  'Function.prototype.call = 1',
  'Promise.prototype.then = 1',
  'Date.prototype.getTime = 1',
  'Map.prototype.get = 1',
  'Error.prototype.name = 1',
  'TypeError.prototype.message = 1',
  'Object.getPrototypeOf([][Symbol.iterator]()).next = 1',
  'Object.getPrototypeOf(async () => 0).x = 1',
  'Object.getPrototypeOf(Uint8Array.prototype).set = 1',
  'Object.defineProperty(String.prototype, "x", { value: 1 })',
  'Object.setPrototypeOf(Array.prototype, null)',
  'delete Object.prototype.toString',
])('%s throws', (change) => {
  expect(() => run(change)).toThrow(
    /read only|not extensible|only a getter|cannot be changed|Cannot (delete|redefine|define)|immutable|Cannot assign/,
  );
});

test('what programs assign on their own objects is theirs', () => {
  expect(
    run(`
      const error = new TypeError('x'); error.name = 'Mine'; error.message = 'mine';
      function Own() {} Own.prototype.toString = () => 'own'; Own.prototype.constructor = Own;
      class Failure extends Error { constructor() { super('y'); this.name = 'Failure'; } }
      const bare = {}; bare.valueOf = () => 7; bare.hasOwnProperty = 1;
      const list = []; list.push(1); list.mine = 2;
      [String(error), String(new Own()), new Failure().name, bare + 1, Object.keys(bare).length, list.mine, ({}).toString()]`),
  ).toEqual(['Mine: mine', 'own', 'Failure', 8, 2, 2, '[object Object]']);
});

test('the lines of the code stay where they are, and the source map stays at the end', () => {
  const guarded = guardedBundle(`first();\nsecond();\n${MAP}`);
  expect(guarded.startsWith('first();\nsecond();\n')).toBe(true);
  expect(guarded.endsWith(MAP)).toBe(true);
});

test('a bundle without a source map is refused', () => {
  expect(() => guardedBundle('code')).toThrow('no source map');
});
