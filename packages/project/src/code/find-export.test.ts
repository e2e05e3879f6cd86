import { expect, test } from 'vitest';
import { findExport } from './find-export.js';

const FILES: Record<string, string> = {
  'a.ts': `
    export function plain() {}
    export async function awaited() {}
    export const arrow = async () => 1;
    export const typed = (async () => 1) satisfies Workflow as Workflow;
    const local = function () {};
    export { local, local as renamed };
    export const alias = local;
    export const made = defineWorkflow({ name: 'x' }, async () => 1);
    export const { destructured } = things;
    export const text = 'x', number = 1, list = [], object = {}, regex = /x/, nothing = null, template = \`\${1}\`;
    export let later: Workflow;
    export class Klass {}
    export interface Shape {}
    export type Kind = string;
    export enum Color { Red }
    export namespace Space { export const a = 1; }
    export default function byDefault() {}
    function hidden() {}
    export type { Shape as OnlyType } from './b.js';
    export * as everything from './b.js';
    import { inner as brought } from './b.js';
    export { brought };
    export { inner as passed } from './b.js';
    export { external } from 'some-package';
    export * from './b.js';
    export * from './c';
  `,
  'b.ts': `export const inner = () => 1; export const shared = () => 2; export * from './a.js';`,
  'c/index.ts': `export { deep } from './deep';`,
  'c/deep.js': `export function deep() {}`,
  'common.js': `
    exports.direct = async function () {};
    module.exports.nested = () => 1;
    module.exports = { short, value: 5, method() {}, long: function () {} };
    function short() {}
  `,
  'spread.js': `module.exports = { ...require('./common') };`,
  'star-package.ts': `export * from 'some-package';`,
};

const lookUp = (file: string, name: string): string => {
  const verdict = findExport(file, name, (path) => FILES[path]);
  return verdict.kind === 'not-function' ? verdict.is : verdict.kind;
};

test.each([
  ['plain', 'function'],
  ['awaited', 'function'],
  ['arrow', 'function'],
  ['typed', 'function'],
  ['local', 'function'],
  ['renamed', 'function'],
  ['alias', 'function'],
  ['made', 'unknown'],
  ['destructured', 'unknown'],
  ['later', 'unknown'],
  ['text', 'a string'],
  ['template', 'a string'],
  ['number', 'a number'],
  ['list', 'an array'],
  ['object', 'an object'],
  ['regex', 'a regular expression'],
  ['nothing', 'null'],
  ['Klass', 'a class'],
  ['Shape', 'an interface'],
  ['Kind', 'a type'],
  ['Color', 'an enum'],
  ['Space', 'a namespace'],
  ['OnlyType', 'a type'],
  ['everything', 'a module namespace'],
  ['byDefault', 'missing'],
  ['hidden', 'missing'],
  ['absent', 'missing'],
  ['brought', 'function'],
  ['passed', 'function'],
  ['external', 'unknown'],
  ['inner', 'function'],
  ['shared', 'function'],
  ['deep', 'function'],
])('export %s of a TypeScript module is: %s', (name, kind) => {
  expect(lookUp('a.ts', name)).toBe(kind);
});

test.each([
  ['common.js', 'direct', 'function'],
  ['common.js', 'nested', 'function'],
  ['common.js', 'short', 'function'],
  ['common.js', 'method', 'function'],
  ['common.js', 'long', 'function'],
  ['common.js', 'value', 'a number'],
  ['common.js', 'absent', 'missing'],
  ['spread.js', 'direct', 'unknown'],
  ['star-package.ts', 'anything', 'unknown'],
  ['no-such-file.ts', 'x', 'missing'],
])('export of %s, %s is: %s', (file, name, kind) => {
  expect(lookUp(file, name)).toBe(kind);
});
