import { type Readable } from 'node:stream';
import { TokenBucket } from '@pegasus-workflows/kit';

const NEWLINE = 0x0a;
const BYTES_PER_SECOND = 2 * 1024 * 1024;
const BYTES_BURST = 2 * 1024 * 1024;

export interface LineReader {
  /** At most `maxBytes` of it; `isCut`: there was more. */
  onLine: (line: string, isCut: boolean) => void;
  /** Once, after the last line. */
  onEnd: () => void;
}

/**
 * Reads a process's output line by line, no faster than {@link BYTES_PER_SECOND} in the long run: beyond that the pipe
 * fills, and who writes to it waits. What is held of a line is bounded, whatever its length.
 */
export function readLines(stream: Readable, maxBytes: number, { onLine, onEnd }: LineReader): void {
  const bucket = new TokenBucket({ perSecond: BYTES_PER_SECOND, burst: BYTES_BURST }, performance.now());
  let parts: Buffer[] = [];
  let held = 0;
  let isCut = false;
  const add = (piece: Buffer): void => {
    const kept = piece.subarray(0, maxBytes - held);
    if (kept.length < piece.length) isCut = true;
    if (kept.length > 0) parts.push(kept);
    held += kept.length;
  };
  const end = (): void => {
    if (held > 0) onLine(Buffer.concat(parts).toString('utf8').replace(/\r$/, ''), isCut);
    parts = [];
    held = 0;
    isCut = false;
  };
  stream.on('data', (chunk: Buffer) => {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      add(chunk.subarray(from, at));
      end();
      from = at + 1;
    }
    add(chunk.subarray(from));
    bucket.has(0, performance.now());
    bucket.take(chunk.length);
    if (bucket.waitMs === 0) return;
    stream.pause();
    setTimeout(() => stream.resume(), bucket.waitMs);
  });
  stream.once('close', () => {
    end();
    onEnd();
  });
  // The end of the process says more; 'close' follows.
  stream.on('error', () => undefined);
}
