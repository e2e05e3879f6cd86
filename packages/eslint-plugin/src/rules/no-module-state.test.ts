import { ts, typescript } from '../testing/rule-tester.js';
import { noModuleState as rule } from './no-module-state.js';

typescript.run('no-module-state', rule, {
  valid: [
    'export function demo() { let count = 0; count += 1; const seen = new Map(); seen.set(1, count); return seen; }',
    'const LIMITS = { days: 3 }; export const demo = () => LIMITS.days;',
    'const table = new Map(); table.set("a", 1); export const demo = () => table.get("a");',
    'let later; later = 1; export const demo = () => later;',
    "import { counts } from './counts.js'; export const demo = () => counts.push(1);",
    'const client = connect(); export const demo = () => client.set(1);',
  ].map((code) => ts({ code })),
  invalid: [
    ts({
      code: 'let count = 0;\nexport function demo() {\n  count += 1;\n}',
      errors: [{ messageId: 'changed', data: { name: 'count' }, line: 3, column: 3 }],
    }),
    ts({ code: 'const seen = new Set(); export const demo = (x: string) => seen.add(x);', errors: 1 }),
    ts({ code: 'const list: string[] = []; export const demo = (x: string) => list.push(x);', errors: 1 }),
    ts({ code: 'const state = { a: { b: 1 } }; export function demo() { state.a.b = 2; }', errors: 1 }),
    ts({
      code: 'const all = {} as Record<string, number>; export function demo() { delete all.x; all.y++; }',
      errors: 1,
    }),
  ],
});
