import { type Scenario } from '../scenario.js';

const local = ['--profile', 'local'];
const order = ['shop', 'order', 'A:1001'];

/** What workflows remember of outside systems' records. */
export const PROJECTIONS: Scenario[] = [
  { name: 'projections list of none', args: ['projections', 'list', 'shop', 'order', ...local], code: 0 },
  { name: 'projections get of no such key', args: ['projections', 'get', ...order, ...local], code: 4 },
  {
    name: 'projections put',
    args: ['projections', 'put', ...order, '--if-absent', ...local],
    input: '{"total": 42, "lines": ["a", "b"]}',
    code: 0,
  },
  {
    name: 'projections put of no JSON',
    args: ['projections', 'put', ...order, ...local],
    input: '{total: 42}',
    code: 2,
  },
  {
    name: 'projections put on another version',
    args: ['projections', 'put', ...order, '--if-version', '7', ...local],
    input: '{}',
    code: 5,
  },
  {
    name: 'projections put under a name no path carries',
    args: ['projections', 'put', 'shop', 'order', '..', ...local],
    input: '{}',
    code: 2,
  },
  { name: 'projections get', args: ['projections', 'get', ...order, ...local], code: 0 },
  {
    name: 'projections list',
    args: ['projections', 'list', 'shop', 'order', '--limit', '1', ...local],
    code: 0,
    before: async (stage) => {
      await stage.terminal.runHere(['projections', 'put', 'shop', 'order', 'B', ...local], {
        input: '"second"',
      });
    },
  },
  {
    name: 'projections list with a limit that is none',
    args: ['projections', 'list', 'shop', 'order', '--limit', '0', ...local],
    code: 2,
  },
  {
    name: 'projections delete',
    args: ['projections', 'delete', ...order, '--if-version', '1', ...local],
    code: 0,
  },
  { name: 'projections delete of no such key', args: ['projections', 'delete', ...order, ...local], code: 4 },
];
