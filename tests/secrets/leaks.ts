import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { unzipSync } from 'fflate';

/** Finds a secret in bytes, however a program may have written it down. */

/** A text that must be nowhere, and how it is called in what is found. */
interface Wanted {
  name: string;
  text: string;
}
/** Where something was found, and in which spelling. */
export interface Leak {
  where: string;
  name: string;
  spelling: string;
}
interface Needle extends Omit<Leak, 'where'> {
  bytes: Buffer;
}

/** Shorter pieces are in any file by chance. */
const SHORTEST_PIECE = 12;

/**
 * Every spelling of a text: as it is, in UTF-16, hexadecimal, as JSON writes it (once and twice, with and without
 * `\u`), percent-encoded, and base64 of each at any of its three alignments. The runs of letters and digits in it are
 * looked for too: they are the same in all the escapings that nobody has thought of.
 */
export function spellingsOf({ name, text }: Wanted): Needle[] {
  const json = JSON.stringify(text).slice(1, -1);
  const ascii = json.replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const texts: [string, string][] = [
    ['as it is', text],
    ['JSON', json],
    ['JSON in JSON', JSON.stringify(json).slice(1, -1)],
    ['JSON in ASCII', ascii],
    ['percent-encoded', encodeURIComponent(text)],
    ['a form field', new URLSearchParams({ v: text }).toString().slice(2)],
    ...(text.match(/[A-Za-z0-9]+/g) ?? [])
      .filter((piece) => piece.length >= SHORTEST_PIECE)
      .map((piece): [string, string] => ['a piece', piece]),
  ];
  const needles = texts.flatMap(([spelling, written]) => encodingsOf(name, spelling, Buffer.from(written)));
  const utf16 = Buffer.from(text, 'utf16le');
  needles.push({ name, spelling: 'UTF-16LE', bytes: utf16 });
  needles.push({ name, spelling: 'UTF-16BE', bytes: Buffer.from(utf16).swap16() });
  return needles;
}

function encodingsOf(name: string, spelling: string, bytes: Buffer): Needle[] {
  const hex = bytes.toString('hex');
  const base64 = [0, 1, 2].map((before) => base64Within(bytes, before));
  const written: [string, Buffer][] = [
    [spelling, bytes],
    [`${spelling}, hex`, Buffer.from(hex)],
    [`${spelling}, HEX`, Buffer.from(hex.toUpperCase())],
    ...base64.flatMap((text): [string, Buffer][] => [
      [`${spelling}, base64`, Buffer.from(text)],
      [`${spelling}, base64url`, Buffer.from(text.replaceAll('+', '-').replaceAll('/', '_'))],
    ]),
  ];
  return written.map(([encoding, encoded]) => ({ name, spelling: encoding, bytes: encoded }));
}

/** The characters of base64 that these bytes alone decide, when `before` bytes modulo 3 come before them. */
function base64Within(bytes: Buffer, before: number): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
  return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
}

/** The first spelling of each text that is in these bytes. */
export function leaksIn(where: string, bytes: Buffer, needles: readonly Needle[]): Leak[] {
  const found = new Map<string, Leak>();
  for (const { name, spelling, bytes: needle } of needles)
    if (!found.has(name) && bytes.includes(needle)) found.set(name, { where, name, spelling });
  return [...found.values()];
}

/** All files below a folder, byte for byte; what is in archives and compressed files is looked at as well. */
export async function leaksBelow(
  folder: string,
  needles: readonly Needle[],
): Promise<{ leaks: Leak[]; files: number; bytes: number }> {
  const seen = { leaks: [] as Leak[], files: 0, bytes: 0 };
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    // A file that a running program has just removed.
    const content = await readFile(file).catch(() => Buffer.alloc(0));
    seen.files++;
    seen.bytes += content.length;
    for (const [part, bytes] of [['', content] as const, ...unpacked(content)])
      seen.leaks.push(...leaksIn(`${file}${part}`, bytes, needles));
  }
  return seen;
}

function unpacked(content: Buffer): (readonly [string, Buffer])[] {
  try {
    if (content.subarray(0, 2).equals(Buffer.from([0x1f, 0x8b]))) return [['!', gunzipSync(content)]];
    if (content.subarray(0, 4).equals(Buffer.from('PK\x03\x04')))
      return Object.entries(unzipSync(content)).map(([name, bytes]) => [`!${name}`, Buffer.from(bytes)]);
  } catch {
    // It only looked like an archive.
  }
  return [];
}

/** Arguments and environment of every process of this machine that can be read. Needs /proc. */
export async function leaksInProcesses(
  needles: readonly Needle[],
): Promise<{ leaks: Leak[]; seen: string[] }> {
  const leaks: Leak[] = [];
  const seen: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name)))
    for (const part of ['cmdline', 'environ']) {
      const bytes = await readFile(`/proc/${pid}/${part}`).catch(() => undefined);
      if (bytes === undefined) continue;
      if (part === 'environ') seen.push(pid);
      leaks.push(...leaksIn(`/proc/${pid}/${part}`, bytes, needles));
    }
  return { leaks, seen };
}
