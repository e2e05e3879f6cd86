import { deflateSync, zipSync, type Zippable } from 'fflate';
import { compareText } from '../problems/index.js';

/** A regular file, rw-r--r--, in the upper half of the external attributes as Unix zip tools write it. */
const FILE_ATTRIBUTES = (0o100644 << 16) >>> 0;

/** Files are judged by their first bytes: what does not shrink by a tenth there (images, archives) is stored as it is. */
const SAMPLE_BYTES = 64 * 1024;
const WORTHWHILE = 0.9;

/**
 * Zips files so that the same input gives the same bytes on any machine: entries sorted, one mtime, one mode, and a
 * compressor in JavaScript, since Node's zlib differs between versions and processors.
 *
 * @param files path with `/` → content
 */
export function writeZip(files: ReadonlyMap<string, Uint8Array>): Buffer {
  // A Date of local parts: the zip format stores local time, so this is 1980-01-01 00:00:00 in every time zone.
  const mtime = new Date(1980, 0, 1);
  const entries: Zippable = {};
  for (const [file, bytes] of [...files].sort(([a], [b]) => compareText(a, b)))
    entries[file] = [bytes, { level: level(bytes), mtime, os: 3, attrs: FILE_ATTRIBUTES }];
  return Buffer.from(zipSync(entries));
}

function level(bytes: Uint8Array): 0 | 6 {
  const sample = bytes.subarray(0, SAMPLE_BYTES);
  if (bytes.length <= SAMPLE_BYTES) return 6;
  return deflateSync(sample, { level: 1 }).length < sample.length * WORTHWHILE ? 6 : 0;
}
