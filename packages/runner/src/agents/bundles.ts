import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { PegasusError } from '@pegasus-workflows/contracts';
import { type BundleStore, type StoredBundle } from '@pegasus-workflows/agents/durable';
import { type PayloadBlobs, type TenantPayloadCodec } from '@pegasus-workflows/kit/payloads';
import proto from '@temporalio/proto';

const { Payload } = proto.temporal.api.common.v1;
const ENCODING = new TextEncoder().encode('binary/plain');
/** Of the file, for each part: what is kept of it is below what any blob may have. Bytes. */
const PART_BYTES = 8 * 1024 * 1024;

/**
 * Job: bundles between the hosts of a tenant, in parts, each encrypted with the tenant's payload key and kept by the
 * server as large payloads are.
 *
 * Boundary: bytes. A part is the protobuf of a payload that the tenant's codec has encoded; its name is its SHA-256. The
 * server removes parts that nobody has asked for since the last open dispatch of the tenant began.
 *
 * Invariants
 * 1. A bundle is told of once all of its parts are safe.
 * 2. A file that was got is whole, or the call rejects and says so.
 */
export class BlobBundles implements BundleStore {
  constructor(
    private readonly codec: TenantPayloadCodec,
    private readonly blobs: PayloadBlobs,
  ) {}

  async put(path: string): Promise<StoredBundle> {
    const parts: string[] = [];
    let bytes = 0;
    for await (const data of createReadStream(path, { highWaterMark: PART_BYTES }) as AsyncIterable<Buffer>) {
      const [part] = await this.codec.encode([{ metadata: { encoding: ENCODING }, data }]);
      parts.push(await this.blobs.put(Payload.encode(part!).finish()));
      bytes += data.length;
    }
    return { bytes, parts };
  }

  async get({ bytes, parts }: StoredBundle, path: string): Promise<void> {
    const file = await open(path, 'wx', 0o600);
    let written = 0;
    try {
      for (const name of parts) {
        const kept = await this.blobs.get(name);
        if (!kept)
          throw new PegasusError('NOT_FOUND', 'A part of the bundle is kept no more; dispatch it again.');
        const [part] = await this.codec.decode([Payload.decode(kept)]);
        const data = part?.data ?? new Uint8Array();
        await file.appendFile(data);
        written += data.length;
      }
    } finally {
      await file.close();
    }
    if (written !== bytes)
      throw new PegasusError('VALIDATION_ERROR', `bundle: has ${written} bytes, not the ${bytes} it had.`);
  }
}
