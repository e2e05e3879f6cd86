import { open, readdir, readFile, rename, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '@pegasus-workflows/kit/files';
import { BEGINNING, parseLine, type Head } from './records.js';

/** The files of a log: the one that is written, and those that were full, by the number of their first line. */
export const CURRENT = 'events.jsonl';
const FULL = /^events-(\d{12})\.jsonl$/;

/** The full ones of a folder's names, oldest first. */
const fullOf = (names: readonly string[]): string[] => names.filter((name) => FULL.test(name)).sort();

/** All there are, oldest first. */
export async function logFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return [...fullOf(names), ...(names.includes(CURRENT) ? [CURRENT] : [])];
}

/** Puts the current file aside under the number of its first line. The new one's {@link openCurrent} makes it last. */
export async function putAside(folder: string, firstSeq: number): Promise<void> {
  await rename(join(folder, CURRENT), join(folder, `events-${String(firstSeq).padStart(12, '0')}.jsonl`));
}

export interface Opened {
  file: FileHandle;
  head: Head;
  /** Number of the first line of the file, or of the one that will be. */
  firstSeq: number;
  bytes: number;
  /** Bytes at the end that were no whole lines; they are in a file of their own now. */
  torn: number;
}

/** Opens the current file for appending, without what a crash has left at its end. */
export async function openCurrent(folder: string): Promise<Opened> {
  const before = await headOfFull(folder);
  const path = join(folder, CURRENT);
  const file = await open(path, 'a+', 0o600);
  try {
    const text = await readFile(path);
    if (text.length === 0) await syncFolder(folder);
    const { end, head, firstSeq } = wholeLines(text, before);
    const torn = text.length - end;
    if (torn > 0) {
      await writeFile(join(folder, `torn-${head.seq}-${Date.now()}`), text.subarray(end), { mode: 0o600 });
      await file.truncate(end);
      await file.sync();
    }
    return { file, head, firstSeq: firstSeq ?? head.seq + 1, bytes: end, torn };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Where the full files end; the beginning where there are none. */
async function headOfFull(folder: string): Promise<Head> {
  const last = fullOf(await readdir(folder)).at(-1);
  if (last === undefined) return BEGINNING;
  const text = await readFile(join(folder, last));
  return wholeLines(text, BEGINNING).head;
}

/** How far a text has lines that are whole: what comes after is a write that was cut short. */
function wholeLines(text: Buffer, before: Head): { end: number; head: Head; firstSeq: number | undefined } {
  let [end, head] = [0, before];
  let firstSeq: number | undefined;
  for (;;) {
    const newline = text.indexOf(0x0a, end);
    const line = newline === -1 ? undefined : parseLine(text.toString('utf8', end, newline));
    // A line that was changed in the middle of a file is the verifier's to find, and nothing to be cut off.
    if (!line && (newline === -1 || isLast(text, newline))) return { end, head, firstSeq };
    if (line) head = { seq: line.seq, hash: line.hash };
    firstSeq ??= line?.seq;
    end = newline + 1;
  }
}

const isLast = (text: Buffer, newline: number): boolean => text.indexOf(0x0a, newline + 1) === -1;
