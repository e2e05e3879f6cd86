import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { logFiles } from './files.js';
import { GENESIS, parseLine, type Head, type LogLine } from './records.js';

/** Every line, oldest first; what is no line of the log is left out (see {@link verifyLog}). */
export async function* readLog(folder: string): AsyncGenerator<LogLine> {
  for await (const { line } of texts(folder)) if (line) yield line;
}

export interface Verified {
  ok: boolean;
  lines: number;
  /** The last line that is as it was written. */
  head: Head | undefined;
  /** What is wrong, and where first: `events.jsonl:12: …`. */
  problem?: string;
}

/**
 * Whether all lines are as they were written, none is missing between them and none was put in. Older files may have
 * been taken away: then the first line that is there is where it begins. A `head` that was kept elsewhere shows
 * whether the end was cut off.
 */
export async function verifyLog(folder: string, kept?: Head): Promise<Verified> {
  let head: Head | undefined;
  let lines = 0;
  let isKept = kept === undefined || kept.seq === 0;
  const wrong = (problem: string): Verified => ({ ok: false, lines, head, problem });
  for await (const { line, at } of texts(folder)) {
    if (!line) return wrong(`${at}: the line has been changed, or is none`);
    if (head && line.seq !== head.seq + 1)
      return wrong(`${at}: line ${line.seq} comes after line ${head.seq}`);
    if (head && line.prev !== head.hash) return wrong(`${at}: the line before is not the one that was there`);
    if (!head && line.seq === 1 && line.prev !== GENESIS)
      return wrong(`${at}: there was a line before the first`);
    if (line.seq === kept?.seq) {
      if (line.hash !== kept.hash) return wrong(`${at}: line ${line.seq} is another one`);
      isKept = true;
    }
    head = { seq: line.seq, hash: line.hash };
    lines += 1;
  }
  if (!isKept) return wrong(`the log ends at line ${head?.seq ?? 0}, before line ${kept!.seq}`);
  return { ok: true, lines, head };
}

async function* texts(folder: string): AsyncGenerator<{ line: LogLine | undefined; at: string }> {
  for (const name of await logFiles(folder)) {
    let number = 0;
    const input = createReadStream(join(folder, name), 'utf8');
    for await (const text of createInterface({ input, crlfDelay: Infinity })) {
      number += 1;
      yield { line: parseLine(text), at: `${name}:${number}` };
    }
  }
}
