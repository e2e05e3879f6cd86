import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { strToU8, zipSync } from 'fflate';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leaksBelow, leaksIn, leaksInProcesses, spellingsOf } from './leaks.js';

/** The search that other tests rely on finds what is there. */
const secret = 'zz9Q"ü☃\\ +/=\nK4wPq7';
const needles = spellingsOf({ name: 'it', text: secret });
const noise = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
const b64 = (text: string | Buffer) => Buffer.from(text).toString('base64');

const WRITERS: Record<string, (text: string) => string | Buffer> = {
  'as it is': (text) => text,
  JSON: (text) => JSON.stringify({ a: 1, value: text }),
  'JSON in JSON': (text) => JSON.stringify(JSON.stringify({ value: text })),
  'JSON in ASCII': (text) =>
    JSON.stringify(text).replace(
      /[^\x20-\x7e]/g,
      (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
    ),
  base64: b64,
  'base64 of JSON': (text) => b64(JSON.stringify({ value: text })),
  'base64url in the middle of a longer text': (text) => Buffer.from(`x${text}y`).toString('base64url'),
  hex: (text) => Buffer.from(text).toString('hex'),
  'upper-case hex': (text) => Buffer.from(text).toString('hex').toUpperCase(),
  'hex of JSON': (text) => Buffer.from(JSON.stringify(text)).toString('hex'),
  'UTF-16LE': (text) => Buffer.from(text, 'utf16le'),
  'UTF-16BE': (text) => Buffer.from(text, 'utf16le').swap16(),
  'percent-encoded': encodeURIComponent,
  'a form': (text) => new URLSearchParams({ token: text }).toString(),
};

describe('a secret is found', () => {
  it.each(Object.entries(WRITERS))('written as %s, anywhere in a file', (_name, write) => {
    fc.assert(
      fc.property(noise, noise, (before, after) => {
        const file = Buffer.concat([before, Buffer.from(write(secret)), after]);
        expect(leaksIn('file', file, needles)).toHaveLength(1);
      }),
    );
  });

  it('in base64 at each alignment of what holds it', () => {
    fc.assert(
      fc.property(noise, noise, (before, after) => {
        const text = b64(Buffer.concat([before, Buffer.from(secret), after]));
        expect(leaksIn('file', Buffer.from(text), needles)).toHaveLength(1);
      }),
    );
  });

  it('by a piece of it, in an escaping that nobody has thought of', () => {
    const pieces = spellingsOf({ name: 'it', text: 'abc-ABCDEFGHIJKLMNOP-xyz' });
    expect(leaksIn('file', Buffer.from('%u0061bc-ABCDEFGHIJKLMNOP'), pieces)).toHaveLength(1);
  });

  it('in files at any depth, compressed ones and archives too, and in nothing else', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pegasus-leaks-'));
    try {
      await mkdir(join(folder, 'a', 'b'), { recursive: true });
      await writeFile(join(folder, 'a', 'b', 'plain'), secret);
      await writeFile(join(folder, 'packed.gz'), gzipSync(secret.repeat(3)));
      await writeFile(join(folder, 'packed.zip'), zipSync({ 'x/y': strToU8(secret.repeat(3)) }));
      await writeFile(join(folder, 'other'), randomBytes(100_000));
      const { leaks, files } = await leaksBelow(folder, needles);
      expect(files).toBe(4);
      expect(leaks.map(({ where }) => where.slice(folder.length)).sort()).toEqual([
        '/a/b/plain',
        '/packed.gz!',
        '/packed.zip!x/y',
      ]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it.runIf(process.platform === 'linux')('in the arguments and the environment of a process', async () => {
    const wanted = spellingsOf({ name: 'it', text: `planted-${randomBytes(16).toString('hex')}` });
    const text = wanted[0]!.bytes.toString();
    const wait = 'process.send("up"); process.stdin.resume()';
    const stdio = ['pipe', 'ignore', 'ignore', 'ipc'] as const;
    const children = [
      spawn(process.execPath, ['-e', wait, text], { stdio: [...stdio] }),
      spawn(process.execPath, ['-e', wait], { stdio: [...stdio], env: { TOKEN: btoa(text) } }),
    ];
    try {
      await Promise.all(children.map((child) => once(child, 'message')));
      const { leaks } = await leaksInProcesses(wanted);
      expect(leaks.map(({ where }) => where).sort()).toEqual(
        [`/proc/${children[0]!.pid}/cmdline`, `/proc/${children[1]!.pid}/environ`].sort(),
      );
    } finally {
      for (const child of children) child.kill();
    }
  });
});
