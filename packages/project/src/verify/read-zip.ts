/**
 * Job: read an artifact's zip from a stranger, refusing whatever could do harm or be read in two ways.
 *
 * Boundary: bytes in memory, at most an artifact's; nothing is written to disk and nothing of the zip is executed.
 * Headers are claims: what counts is what inflates.
 *
 * Invariants
 * 1. Every entry of an accepted zip, unpacked below a folder, is a plain file or folder below that folder.
 * 2. Entries, their number and the sum of their inflated sizes are within LIMITS, whatever the headers claim.
 * 3. No two entries are one name on any common file system.
 * 4. At most one entry's chunk is inflated at a time: memory does not grow with what the zip claims.
 * 5. All readers agree on an accepted zip: its bytes are its entries and their directory, each described once.
 */
import { crc32, inflateRawSync } from 'node:zlib';
import type { Readable } from 'node:stream';
import { LIMITS } from '@pegasus-workflows/contracts';
import yauzl, { type Entry, type ZipFile } from 'yauzl';
import { decodeName, NameCollisions, unsafeName } from './entry-names.js';
import { ArtifactProblems } from './problems.js';
import { type CentralEntry, checkLayout, readEndRecord } from './zip-layout.js';

const STORED = 0;
const DEFLATED = 8;
/** Encrypted, strongly encrypted, or with its directory hidden. */
const ENCRYPTED_FLAGS = 0x1 | 0x40 | 0x2000;
/** Info-ZIP's Unicode path: a second name, which some readers prefer. */
const UNICODE_PATH_FIELD = 0x7075;
/** A text that the verifier looks at (a manifest, a diagram, a module) is smaller. */
const TEXT_BYTES = 2 * 1024 * 1024;

const FILE_TYPES: Record<number, string> = {
  0o120000: 'a symbolic link',
  0o020000: 'a device',
  0o060000: 'a device',
  0o010000: 'a pipe',
  0o140000: 'a socket',
};

/** The files of a zip that was accepted. */
export interface ZipContents {
  /** Names of the files, folders left out → inflated bytes. */
  files: ReadonlyMap<string, number>;
  /** A file as text; undefined when it is absent, larger than 2 MiB or not UTF-8. A byte order mark stays. */
  text(name: string): string | undefined;
}

interface NamedEntry extends CentralEntry {
  name: string;
  entry: Entry;
}

/** Reads and checks a whole zip. @throws ArtifactProblems listing what is refused */
export async function readZip(zip: Buffer): Promise<ZipContents> {
  const end = readEndRecord(zip);
  if (typeof end === 'string') throw new ArtifactProblems([end]);
  if (end.entryCount > LIMITS.artifactEntries)
    throw new ArtifactProblems([
      `The artifact has ${end.entryCount} entries; the most is ${LIMITS.artifactEntries}.`,
    ]);
  const file = await open(zip);
  const entries = await listEntries(file);
  const layout = checkLayout(zip, end, entries);
  const problems = [...checkEntries(entries), ...(layout === undefined ? [] : [layout])];
  if (problems.length > 0) throw new ArtifactProblems(problems);
  await checkData(file, entries);
  return contents(zip, entries);
}

function open(zip: Buffer): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    // Names stay bytes: this module decodes them strictly and says what is wrong with each.
    const options = { lazyEntries: true, decodeStrings: false, validateEntrySizes: true };
    yauzl.fromBuffer(zip, options, (error, file) => {
      if (error) reject(refused(error));
      else resolve(file);
    });
  });
}

function listEntries(file: ZipFile): Promise<NamedEntry[]> {
  return new Promise((resolve, reject) => {
    const entries: NamedEntry[] = [];
    file.on('entry', (entry: Entry & { fileNameRaw: Buffer }) => {
      entries.push({
        name: decodeName(entry.fileNameRaw) ?? '',
        entry,
        rawName: entry.fileNameRaw,
        flags: entry.generalPurposeBitFlag,
        method: entry.compressionMethod,
        crc32: entry.crc32,
        compressedSize: entry.compressedSize,
        uncompressedSize: entry.uncompressedSize,
        localOffset: entry.relativeOffsetOfLocalHeader,
      });
      file.readEntry();
    });
    file.once('end', () => resolve(entries));
    file.once('error', (error: Error) => reject(refused(error)));
    file.readEntry();
  });
}

function refused(error: Error): ArtifactProblems {
  return new ArtifactProblems([`The artifact is not a sound zip file: ${error.message}.`]);
}

/** What the directory alone shows to be wrong. */
function checkEntries(entries: readonly NamedEntry[]): string[] {
  const collisions = new NameCollisions();
  const problems = entries.flatMap((entry) => {
    const problem =
      (decodeName(entry.rawName) === undefined
        ? `Entry "${entry.rawName.toString('latin1')}" has a name that is not UTF-8.`
        : unsafeName(entry.name)) ??
      collisions.add(entry.name) ??
      checkEntry(entry);
    return problem === undefined ? [] : [problem];
  });
  const total = entries.reduce((sum, entry) => sum + entry.uncompressedSize, 0);
  if (total > LIMITS.artifactUncompressedBytes)
    problems.push(`The artifact unpacks to ${total} bytes; the most is ${LIMITS.artifactUncompressedBytes}.`);
  return problems;
}

function checkEntry({
  name,
  entry,
  flags,
  method,
  compressedSize,
  uncompressedSize,
}: NamedEntry): string | undefined {
  const type = (entry.externalFileAttributes >>> 16) & 0o170000;
  const isFolder = name.endsWith('/');
  if (FILE_TYPES[type] !== undefined) return `Entry "${name}" is ${FILE_TYPES[type]}.`;
  if (type !== 0 && (type === 0o040000) !== isFolder) return `Entry "${name}" is not a plain file or folder.`;
  if ((flags & ENCRYPTED_FLAGS) !== 0) return `Entry "${name}" is encrypted.`;
  if (method !== STORED && method !== DEFLATED)
    return `Entry "${name}" is compressed by a method other than Deflate.`;
  if (entry.extraFields.some(({ id }) => id === UNICODE_PATH_FIELD))
    return `Entry "${name}" has a second name.`;
  if (isFolder && uncompressedSize > 0) return `Entry "${name}" is a folder that holds data.`;
  const ratio = uncompressedSize / Math.max(1, compressedSize);
  if (uncompressedSize > LIMITS.artifactRatioFloorBytes && ratio > LIMITS.artifactCompressionRatio)
    return `Entry "${name}" unpacks to ${Math.round(ratio)} times its size; the most is ${LIMITS.artifactCompressionRatio}.`;
  return undefined;
}

/** Inflates every entry and throws the result away: sizes and checksums must be what was claimed. */
async function checkData(file: ZipFile, entries: readonly NamedEntry[]): Promise<void> {
  const problems: string[] = [];
  for (const { name, entry } of entries) {
    try {
      let checksum = 0;
      for await (const chunk of await openStream(file, entry)) checksum = crc32(chunk as Buffer, checksum);
      if (checksum !== entry.crc32) problems.push(`Entry "${name}" is damaged: its checksum is wrong.`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      problems.push(
        /too many bytes|not enough bytes/.test(reason)
          ? `Entry "${name}" unpacks to another size than it claims.`
          : `Entry "${name}" is damaged: ${reason}.`,
      );
    }
  }
  if (problems.length > 0) throw new ArtifactProblems(problems);
}

function openStream(file: ZipFile, entry: Entry): Promise<Readable> {
  return new Promise((resolve, reject) => {
    file.openReadStream(entry, (error, stream) => {
      if (error) reject(error);
      else resolve(stream);
    });
  });
}

function contents(zip: Buffer, entries: readonly NamedEntry[]): ZipContents {
  const files = new Map(
    entries.filter(({ name }) => !name.endsWith('/')).map((entry) => [entry.name, entry]),
  );
  return {
    files: new Map([...files].map(([name, { uncompressedSize }]) => [name, uncompressedSize])),
    text(name) {
      const entry = files.get(name);
      if (!entry || entry.uncompressedSize > TEXT_BYTES) return undefined;
      return decodeName(inflate(zip, entry));
    },
  };
}

function inflate(zip: Buffer, { localOffset, compressedSize, method }: NamedEntry): Buffer {
  const headerBytes = 30 + zip.readUInt16LE(localOffset + 26) + zip.readUInt16LE(localOffset + 28);
  const data = zip.subarray(localOffset + headerBytes, localOffset + headerBytes + compressedSize);
  if (method === STORED) return data;
  // Checked before; the cap holds even so.
  return inflateRawSync(data, { maxOutputLength: TEXT_BYTES });
}
