import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createContext, type Context } from '../context.js';
import { keepSecret, printKept } from './secret-once.js';

const SECRET = 'whsec_of-the-test-0123456789';
let dir: string;
let printed: string;
let context: Context;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'pegasus-secret-'));
  printed = '';
  const stream = { write: (text: string) => (printed += text) };
  context = createContext({ env: {}, cwd: dir, stdout: stream, stderr: stream }, {});
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const make = () => Promise.resolve({ id: 'x', secret: SECRET });
const never = (): Promise<never> => {
  throw new Error('it was asked');
};

describe('a secret that is shown once', () => {
  it('is not asked for without a place to keep it (invariant 1)', async () => {
    await expect(keepSecret(context, {}, never)).rejects.toMatchObject({ code: 'VALIDATION_ERROR' });
  });

  it('goes to a private file, and to no output (invariants 2 and 3)', async () => {
    const { made, kept } = await keepSecret(context, { out: 'a.secret' }, make);
    const file = path.join(dir, 'a.secret');
    expect([made, kept]).toEqual([{ id: 'x' }, { secretFile: file }]);
    expect(await readFile(file, 'utf8')).toBe(`${SECRET}\n`);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    printKept(context, kept);
    expect(printed).toContain(file);
    expect(printed).not.toContain(SECRET);
  });

  it('is printed when that was asked for (invariant 3)', async () => {
    const { kept } = await keepSecret(context, { showSecret: true }, make);
    printKept(context, kept);
    expect(printed).toContain(SECRET);
  });

  it('takes no place of another file, and then asks for nothing (invariant 2)', async () => {
    await writeFile(path.join(dir, 'a.secret'), 'mine');
    await expect(keepSecret(context, { out: 'a.secret' }, never)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await readFile(path.join(dir, 'a.secret'), 'utf8')).toBe('mine');
  });

  it('leaves no file behind when the call fails, or the secret was the caller’s own (invariant 2)', async () => {
    const failing = () => Promise.reject(new Error('no such webhook'));
    await expect(keepSecret(context, { out: 'a.secret' }, failing)).rejects.toThrow('no such webhook');
    await expect(stat(path.join(dir, 'a.secret'))).rejects.toThrow('ENOENT');
    const given = () => Promise.resolve({ id: 'x', secret: null });
    expect((await keepSecret(context, { out: 'a.secret' }, given)).kept).toEqual({});
    await expect(stat(path.join(dir, 'a.secret'))).rejects.toThrow('ENOENT');
  });

  it('says where a file cannot be made (invariant 1)', async () => {
    const missing = { out: path.join('nowhere', 'a.secret') };
    await expect(keepSecret(context, missing, never)).rejects.toThrow(/nowhere.*cannot be written/);
  });
});
