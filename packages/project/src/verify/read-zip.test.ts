import { LIMITS } from '@pegasus-workflows/contracts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { writeZip } from '../package/write-zip.js';
import { type RawEntry, rawZip, type RawZipOptions } from '../testing/raw-zip.js';
import { unsafeName } from './entry-names.js';
import { ArtifactProblems } from './problems.js';
import { readZip } from './read-zip.js';

async function refusal(zip: Buffer): Promise<string[]> {
  const error = await readZip(zip).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ArtifactProblems);
  return (error as ArtifactProblems).problems;
}

const A: RawEntry = { name: 'a.txt', content: 'a' };

describe('a sound zip', () => {
  test('is read, whichever tool wrote it', async () => {
    const entries: RawEntry[] = [
      { name: 'demo/', mode: 0o040755, method: 0 },
      { name: 'demo/deflated.txt', content: 'x'.repeat(1000) },
      { name: 'demo/stored.txt', content: 'stored', method: 0 },
      { name: 'demo/descriptor.txt', content: 'after the data', dataDescriptor: true },
      { name: 'demo/größe.txt', content: 'ok', flags: 0x800, mode: 0 },
    ];
    const { files, text } = await readZip(rawZip(entries));
    expect([...files]).toEqual([
      ['demo/deflated.txt', 1000],
      ['demo/stored.txt', 6],
      ['demo/descriptor.txt', 14],
      ['demo/größe.txt', 2],
    ]);
    expect(text('demo/deflated.txt')).toBe('x'.repeat(1000));
    expect(text('demo/stored.txt')).toBe('stored');
    expect(text('demo/absent.txt')).toBeUndefined();
  });

  test('is what writeZip writes, for any files', async () => {
    const name = fc.stringMatching(/^[a-z]{1,8}$/);
    const files = fc.dictionary(name, fc.uint8Array({ maxLength: 5000 }), { maxKeys: 20 });
    await fc.assert(
      fc.asyncProperty(files, async (record) => {
        const map = new Map(Object.entries(record));
        const read = await readZip(writeZip(map));
        expect(new Map(read.files)).toEqual(new Map([...map].map(([file, bytes]) => [file, bytes.length])));
      }),
      { numRuns: 50 },
    );
  });
});

/** Each zip that must be refused, and why (invariants 1 to 5 of read-zip.ts). */
const BAD_ZIPS: Record<string, { entries: RawEntry[]; options?: RawZipOptions; problem: RegExp }> = {
  'a climbing path (1)': { entries: [{ ...A, name: '../a' }], problem: /climbs out of the artifact/ },
  'a hidden climb (1)': { entries: [{ ...A, name: 'a/../../b' }], problem: /climbs out/ },
  'an absolute path (1)': { entries: [{ ...A, name: '/etc/passwd' }], problem: /absolute path/ },
  'a backslash (1)': { entries: [{ ...A, name: 'a\\..\\b' }], problem: /backslash/ },
  'a drive letter (1)': { entries: [{ ...A, name: 'C:a' }], problem: /drive letter or colon/ },
  'a NUL (1)': { entries: [{ ...A, name: 'a\0.txt' }], problem: /control character/ },
  'an empty part (1)': { entries: [{ ...A, name: 'a//b' }], problem: /empty or "\." part/ },
  'a trailing dot (1)': { entries: [{ ...A, name: 'a./b' }], problem: /ends in a dot or a space/ },
  'no name (1)': { entries: [{ ...A, name: '' }], problem: /has no name/ },
  'a long name (1)': { entries: [{ ...A, name: 'x'.repeat(256) }], problem: /too long/ },
  'a name not UTF-8 (5)': { entries: [{ ...A, name: Buffer.from([0x61, 0xff]) }], problem: /not UTF-8/ },
  'a symbolic link (1)': { entries: [{ ...A, mode: 0o120777 }], problem: /is a symbolic link/ },
  'a device (1)': { entries: [{ ...A, mode: 0o020666 }], problem: /is a device/ },
  'a folder that is a file (1)': {
    entries: [{ ...A, mode: 0o040755 }],
    problem: /not a plain file or folder/,
  },
  'a folder with data (1)': {
    entries: [{ ...A, name: 'a/', mode: 0o040755 }],
    problem: /folder that holds data/,
  },
  'too many entries (2)': {
    entries: Array.from({ length: LIMITS.artifactEntries + 1 }, (_, index) => ({ name: `${index}` })),
    problem: /has 5001 entries; the most is 5000/,
  },
  'a bomb by ratio (2)': {
    entries: [{ name: 'zeros', content: Buffer.alloc(4 * 1024 * 1024) }],
    problem: /unpacks to \d+ times its size; the most is 200/,
  },
  'a bomb that claims to be small (2)': {
    entries: [{ name: 'zeros', content: Buffer.alloc(4 * 1024 * 1024), uncompressedSize: 10 }],
    problem: /unpacks to another size than it claims/,
  },
  'an entry that claims to be larger (2)': {
    entries: [{ ...A, uncompressedSize: 500 }],
    problem: /unpacks to another size than it claims/,
  },
  'a total beyond the limit (2)': {
    entries: Array.from({ length: 3 }, (_, index) => ({
      name: `${index}`,
      uncompressedSize: LIMITS.artifactUncompressedBytes / 2,
    })),
    problem: /unpacks to 314572800 bytes; the most is 209715200/,
  },
  'a name twice (3)': { entries: [A, A], problem: /"a\.txt" is there twice/ },
  'a name in two cases (3)': {
    entries: [A, { ...A, name: 'A.TXT' }],
    problem: /differ only in case or Unicode form/,
  },
  'folders in two cases (3)': {
    entries: [
      { name: 'demo/a', content: '1' },
      { name: 'Demo/b', content: '2' },
    ],
    problem: /"demo" and "Demo" differ only in case/,
  },
  'Unicode twins (3)': {
    entries: [
      { name: 'caf\u00e9', content: '1' },
      { name: 'cafe\u0301', content: '2' },
    ],
    problem: /differ only in case or Unicode form/,
  },
  'a file that is a folder (3)': {
    entries: [A, { ...A, name: 'a.txt/b' }],
    problem: /both a file and a folder/,
  },
  'an encrypted entry (5)': { entries: [{ ...A, flags: 1 }], problem: /is encrypted/ },
  'strong encryption (5)': { entries: [{ ...A, flags: 0x41 }], problem: /encrypt/ },
  'another compression (5)': { entries: [{ ...A, method: 12 }], problem: /method other than Deflate/ },
  'a wrong checksum (5)': { entries: [{ ...A, crc: 1 }], problem: /checksum is wrong/ },
  'two names for an entry (5)': { entries: [{ ...A, localName: 'b.txt' }], problem: /has two names/ },
  'two methods for an entry (5)': { entries: [{ ...A, localMethod: 0 }], problem: /described in two ways/ },
  'two sizes for an entry (5)': {
    entries: [{ ...A, localUncompressedSize: 7 }],
    problem: /two sizes or checksums/,
  },
  'a second name in an extra field (5)': {
    entries: [{ ...A, extra: Buffer.from([0x75, 0x70, 2, 0, 1, 1]) }],
    problem: /has a second name/,
  },
  'entries that share data (5)': {
    entries: [A, { ...A, name: 'b.txt', sharesDataOf: 0 }],
    problem: /overlap|two names/,
  },
  'bytes between entries (5)': {
    entries: [{ ...A, gap: Buffer.from('hidden') }],
    problem: /belong to no entry/,
  },
  'bytes before the zip (5)': {
    entries: [A],
    options: { prefix: Buffer.from('#!/bin/sh\n') },
    problem: /overlap, or bytes that belong to no entry/,
  },
  'bytes after the zip (5)': {
    entries: [A],
    options: { suffix: Buffer.from('x') },
    problem: /after the end of the zip/,
  },
  'a comment (5)': {
    entries: [A],
    options: { comment: Buffer.from('hi') },
    problem: /comment or other bytes/,
  },
  'bytes before the end record (5)': {
    entries: [A],
    options: { beforeEnd: Buffer.from('x') },
    problem: /between its central directory and its end/,
  },
  'fewer entries than it claims (5)': {
    entries: [A],
    options: { entryCount: 2 },
    problem: /not a sound zip/,
  },
  'more entries than it claims (5)': {
    entries: [A, { ...A, name: 'b' }],
    options: { entryCount: 1 },
    problem: /belong to no entry/,
  },
  'Zip64 (5)': { entries: [A], options: { entryCount: 0xffff }, problem: /Zip64/ },
};

test.each(Object.entries(BAD_ZIPS))('refuses %s', async (_, { entries, options, problem }) => {
  expect((await refusal(rawZip(entries, options))).join('\n')).toMatch(problem);
});

test('refuses what is no zip, and a part of one', async () => {
  expect(await refusal(Buffer.from('hello'))).toEqual(['The artifact is not a zip file.']);
  expect(await refusal(Buffer.alloc(0))).toEqual(['The artifact is not a zip file.']);
  expect(await refusal(Buffer.alloc(100_000, 'PK'))).toEqual(['The artifact is not a zip file.']);
  const whole = rawZip([A]);
  expect((await refusal(whole.subarray(0, whole.length - 10)))[0]).toMatch(/not a zip file|after the end/);
});

test('a damaged byte anywhere never gives a zip of other contents', async () => {
  const zip = rawZip([{ name: 'a', content: 'hello hello hello' }]);
  await fc.assert(
    fc.asyncProperty(fc.nat(zip.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const damaged = Buffer.from(zip);
      damaged[at]! ^= change;
      const read = await readZip(damaged).catch((error: unknown) => error);
      if (read instanceof ArtifactProblems) return;
      // Times, versions and names are free to differ; data are not.
      const { files, text } = read as Awaited<ReturnType<typeof readZip>>;
      expect([...files.keys()].map((name) => text(name))).toEqual(['hello hello hello']);
    }),
    { numRuns: 300 },
  );
});

test('an accepted name always stays below the folder it is unpacked in (1)', () => {
  const part = fc.oneof(fc.constantFrom('.', '..', '', 'a', 'C:', '\\', '\0', '~', 'ü', '...'), fc.string());
  fc.assert(
    fc.property(fc.array(part, { maxLength: 5 }), (parts) => {
      const name = parts.join('/');
      if (unsafeName(name) !== undefined) return;
      const url = new URL(`file:///base/below/${name.split('/').map(encodeURIComponent).join('/')}`);
      expect(url.pathname.startsWith('/base/below/')).toBe(true);
      expect(name).not.toMatch(/[\\\0:]|(^|\/)\.{1,2}(\/|$)|^\/|\/\//);
    }),
    { numRuns: 2000 },
  );
});
