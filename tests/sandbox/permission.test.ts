import { afterAll, beforeAll, expect, test } from 'vitest';
import { House, type Cell } from './cell.js';

/** Node's own permission flags, the second wall: in namespaces, and alone where there are none. */
const MINUTE = 60_000;
const houses: House[] = [];
const cells = new Map<string, Cell>();

beforeAll(async () => {
  for (const kind of ['bubblewrap', 'process'] as const) {
    const house = await House.open({ kind });
    houses.push(house);
    cells.set(kind, await house.cell());
  }
}, MINUTE);
afterAll(async () => {
  for (const house of houses) await house.close();
});

test.each(['bubblewrap', 'process'])('%s: files outside of its own are refused by Node', async (kind) => {
  const ends = await cells.get(kind)!.run(`const fs = require('node:fs'); const ends = {};
    for (const file of ['/var/lib/x', '/srv/of/the/platform', '/root']) try { fs.readFileSync(file); ends[file] = 'ok'; } catch (e) { ends[file] = e.code; }
    return Object.values(ends);`);
  expect(ends).toEqual(['ERR_ACCESS_DENIED', 'ERR_ACCESS_DENIED', 'ERR_ACCESS_DENIED']);
});

test.each(['bubblewrap', 'process'])('%s: no child processes', async (kind) => {
  const end = await cells.get(kind)!.run(`require('node:child_process').execFileSync('/bin/true');`);
  expect(end).toMatchObject({ code: 'ERR_ACCESS_DENIED' });
});

test.each(['bubblewrap', 'process'])('%s: its home is its own to write', async (kind) => {
  const body = `const fs = require('node:fs'); fs.writeFileSync(process.env.HOME + '/x', 'y'); return fs.readFileSync(process.env.HOME + '/x', 'utf8');`;
  expect(await cells.get(kind)!.run(body)).toBe('y');
});

test(
  'process: another worker’s home is closed to it, by user id, flags or not',
  async () => {
    const own = await House.open({ kind: 'process', permission: false });
    houses.push(own);
    const [one, two] = [await own.cell(), await own.cell()];
    const home = await one.run<string>('return process.env.HOME;');
    const end = await two.run(`require('node:fs').readdirSync(${JSON.stringify(home)});`);
    expect(end).toMatchObject({ code: 'EACCES' });
  },
  MINUTE,
);
