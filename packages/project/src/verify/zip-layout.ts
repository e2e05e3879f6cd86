/**
 * The frame of a zip: that its bytes are exactly local entries, central directory and end record, one after the other.
 * Whatever lies before, between or after them is something another reader may take for a different file: a script, an
 * HTML page, a second zip, entries that share their data.
 */
const END_SIGNATURE = 0x06054b50;
const LOCAL_SIGNATURE = 0x04034b50;
const DESCRIPTOR_SIGNATURE = 0x08074b50;
const END_BYTES = 22;
const LOCAL_BYTES = 30;
const ZIP64 = 0xffffffff;

/** What a reader of the central directory knows of one entry. */
export interface CentralEntry {
  rawName: Buffer;
  flags: number;
  method: number;
  crc32: number;
  compressedSize: number;
  uncompressedSize: number;
  localOffset: number;
}

export interface EndRecord {
  entryCount: number;
  directoryOffset: number;
  directoryBytes: number;
}

/** Reads the end record, which must be the last bytes of the file; a sentence when it is not as it must be. */
export function readEndRecord(zip: Buffer): EndRecord | string {
  const at = zip.length - END_BYTES;
  if (at < 0 || zip.lastIndexOf('PK\x05\x06', undefined, 'latin1') < 0)
    return 'The artifact is not a zip file.';
  if (zip.readUInt32LE(at) !== END_SIGNATURE || zip.readUInt16LE(at + 20) !== 0)
    return 'The artifact has a comment or other bytes after the end of the zip.';
  const [disk, directoryDisk, entriesHere, entryCount] = [4, 6, 8, 10].map((field) =>
    zip.readUInt16LE(at + field),
  );
  const directoryBytes = zip.readUInt32LE(at + 12);
  const directoryOffset = zip.readUInt32LE(at + 16);
  if (entryCount === 0xffff || directoryBytes === ZIP64 || directoryOffset === ZIP64)
    return 'The artifact is in the Zip64 format, which nothing of its size needs.';
  if (disk !== 0 || directoryDisk !== 0 || entriesHere !== entryCount)
    return 'The artifact is a part of a zip of several parts.';
  if (directoryOffset + directoryBytes !== at)
    return 'The artifact has bytes between its central directory and its end, or before its beginning.';
  return { entryCount: entryCount!, directoryOffset, directoryBytes };
}

/**
 * Checks that the local entries fill the file from its first byte to the central directory, each saying of itself
 * what the directory says. Returns one sentence for the first thing that is not so.
 */
export function checkLayout(
  zip: Buffer,
  end: EndRecord,
  entries: readonly CentralEntry[],
): string | undefined {
  let at = 0;
  for (const entry of [...entries].sort((a, b) => a.localOffset - b.localOffset)) {
    if (entry.localOffset !== at)
      return 'The artifact has entries that overlap, or bytes that belong to no entry.';
    const next = endOfEntry(zip, entry, end.directoryOffset);
    if (typeof next === 'string') return next;
    at = next;
  }
  if (at !== end.directoryOffset) return 'The artifact has bytes that belong to no entry.';
  return undefined;
}

function endOfEntry(zip: Buffer, entry: CentralEntry, limit: number): number | string {
  const { localOffset: at, rawName } = entry;
  const name = JSON.stringify(rawName.toString('utf8'));
  if (at + LOCAL_BYTES > limit || zip.readUInt32LE(at) !== LOCAL_SIGNATURE)
    return `Entry ${name} is not where the directory says.`;
  const nameBytes = zip.readUInt16LE(at + 26);
  const dataStart = at + LOCAL_BYTES + nameBytes + zip.readUInt16LE(at + 28);
  const dataEnd = dataStart + entry.compressedSize;
  if (dataEnd > limit) return `Entry ${name} reaches beyond its place.`;
  if (!zip.subarray(at + LOCAL_BYTES, at + LOCAL_BYTES + nameBytes).equals(rawName))
    return `Entry ${name} has two names.`;
  if (zip.readUInt16LE(at + 8) !== entry.method || zip.readUInt16LE(at + 6) !== entry.flags)
    return `Entry ${name} is described in two ways.`;
  const described = [14, 18, 22].map((field) => zip.readUInt32LE(at + field));
  const expected = [entry.crc32, entry.compressedSize, entry.uncompressedSize];
  const hasDescriptor = (entry.flags & 0x8) !== 0;
  const agrees = described.every(
    (value, index) => value === expected[index] || (hasDescriptor && value === 0),
  );
  if (!agrees) return `Entry ${name} has two sizes or checksums.`;
  return hasDescriptor ? endOfDescriptor(zip, dataEnd, expected, name) : dataEnd;
}

/** Sizes and checksum may follow the data, with or without a signature. */
function endOfDescriptor(
  zip: Buffer,
  at: number,
  expected: readonly number[],
  name: string,
): number | string {
  const wrong = `Entry ${name} has two sizes or checksums.`;
  if (at + 16 > zip.length) return wrong;
  const start = zip.readUInt32LE(at) === DESCRIPTOR_SIGNATURE ? at + 4 : at;
  const matches = expected.every((value, index) => zip.readUInt32LE(start + index * 4) === value);
  return matches ? start + 12 : wrong;
}
