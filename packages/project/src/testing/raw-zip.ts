import { crc32, deflateRawSync } from 'node:zlib';

/** One entry as it is to be written. Every header field may lie. */
export interface RawEntry {
  name: string | Buffer;
  content?: string | Uint8Array;
  /** 0 stored, 8 deflated (default). */
  method?: number;
  flags?: number;
  crc?: number;
  compressedSize?: number;
  uncompressedSize?: number;
  /** Unix mode in the external attributes. */
  mode?: number;
  extra?: Buffer;
  /** What the local header says instead. */
  localName?: string;
  localMethod?: number;
  localUncompressedSize?: number;
  /** Bytes after the entry's data. */
  gap?: Buffer;
  /** Point the directory at the local header of this entry. */
  sharesDataOf?: number;
  /** Put sizes and checksum after the data. */
  dataDescriptor?: boolean;
}

export interface RawZipOptions {
  prefix?: Buffer;
  suffix?: Buffer;
  comment?: Buffer;
  entryCount?: number;
  beforeEnd?: Buffer;
}

/** A zip written field by field, for the tests that need one no honest tool would write. */
export function rawZip(entries: readonly RawEntry[], options: RawZipOptions = {}): Buffer {
  const parts: Buffer[] = [options.prefix ?? Buffer.alloc(0)];
  const offsets: number[] = [];
  let at = parts[0]!.length;
  const directory: Buffer[] = [];
  for (const entry of entries) {
    const content = Buffer.from(entry.content ?? '');
    const method = entry.method ?? 8;
    const data = method === 8 ? deflateRawSync(content) : content;
    const fields = {
      method,
      flags: (entry.flags ?? 0) | (entry.dataDescriptor ? 8 : 0),
      crc: entry.crc ?? crc32(content),
      compressed: entry.compressedSize ?? data.length,
      uncompressed: entry.uncompressedSize ?? content.length,
    };
    const local = localHeader(entry, fields);
    const descriptor = entry.dataDescriptor ? dataDescriptor(fields) : Buffer.alloc(0);
    offsets.push(entry.sharesDataOf === undefined ? at : offsets[entry.sharesDataOf]!);
    directory.push(directoryHeader(entry, fields, offsets.at(-1)!));
    if (entry.sharesDataOf !== undefined) continue;
    const written = [local, data, descriptor, entry.gap ?? Buffer.alloc(0)];
    parts.push(...written);
    at += written.reduce((sum, part) => sum + part.length, 0);
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(options.entryCount ?? entries.length, 8);
  end.writeUInt16LE(options.entryCount ?? entries.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(at, 16);
  end.writeUInt16LE(options.comment?.length ?? 0, 20);
  const tail = [options.beforeEnd, end, options.comment, options.suffix].filter((part) => part !== undefined);
  return Buffer.concat([...parts, central, ...tail]);
}

interface Fields {
  method: number;
  flags: number;
  crc: number;
  compressed: number;
  uncompressed: number;
}

function localHeader(entry: RawEntry, fields: Fields): Buffer {
  const name = Buffer.from(entry.localName ?? entry.name);
  const header = Buffer.alloc(30);
  const described = entry.dataDescriptor ? { crc: 0, compressed: 0, uncompressed: 0 } : fields;
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(20, 4);
  header.writeUInt16LE(fields.flags, 6);
  header.writeUInt16LE(entry.localMethod ?? fields.method, 8);
  header.writeUInt16LE(0x21, 12);
  header.writeUInt32LE(described.crc, 14);
  header.writeUInt32LE(described.compressed, 18);
  header.writeUInt32LE(entry.localUncompressedSize ?? described.uncompressed, 22);
  header.writeUInt16LE(name.length, 26);
  return Buffer.concat([header, name]);
}

function dataDescriptor({ crc, compressed, uncompressed }: Fields): Buffer {
  const descriptor = Buffer.alloc(16);
  descriptor.writeUInt32LE(0x08074b50, 0);
  descriptor.writeUInt32LE(crc, 4);
  descriptor.writeUInt32LE(compressed, 8);
  descriptor.writeUInt32LE(uncompressed, 12);
  return descriptor;
}

function directoryHeader(entry: RawEntry, fields: Fields, offset: number): Buffer {
  const name = Buffer.from(entry.name);
  const extra = entry.extra ?? Buffer.alloc(0);
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE((3 << 8) | 20, 4);
  header.writeUInt16LE(20, 6);
  header.writeUInt16LE(fields.flags, 8);
  header.writeUInt16LE(fields.method, 10);
  header.writeUInt16LE(0x21, 14);
  header.writeUInt32LE(fields.crc, 16);
  header.writeUInt32LE(fields.compressed, 20);
  header.writeUInt32LE(fields.uncompressed, 24);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt16LE(extra.length, 30);
  header.writeUInt32LE(((entry.mode ?? 0o100644) << 16) >>> 0, 38);
  header.writeUInt32LE(offset, 42);
  return Buffer.concat([header, name, extra]);
}
