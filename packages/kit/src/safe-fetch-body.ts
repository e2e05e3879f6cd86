import { Readable, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { PegasusError } from '@pegasus-workflows/contracts';

const DECODERS: Record<string, () => Transform> = {
  gzip: () => createGunzip(),
  'x-gzip': () => createGunzip(),
  deflate: () => createInflate(),
  br: () => createBrotliDecompress(),
};

/**
 * Reads a body to its end, decompressed. Stops at the first byte beyond `limit`, so that neither an endless answer nor
 * a small one that unpacks to gigabytes is ever held. Throws UPSTREAM_ERROR then, and for an unknown encoding.
 * `content-encoding` and `content-length` of `headers` are removed once they are no longer true.
 */
export async function readBody(
  raw: Readable,
  headers: Record<string, string>,
  limit: number,
  signal: AbortSignal,
): Promise<Buffer> {
  // Leaving the loop early destroys the stream, whose error nobody waits for any more.
  raw.on('error', () => {});
  const encoding = headers['content-encoding']?.trim().toLowerCase();
  const decoder = encoding && encoding !== 'identity' ? decoderFor(encoding) : undefined;
  if (!decoder) return collect(raw, limit, signal);
  const chunks: Buffer[] = [];
  let size = 0;
  // An answer without a body (to HEAD, 204, 304) may still name an encoding: a decoder would miss its first bytes.
  const iterator = raw[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done) return Buffer.alloc(0);
  const feed = Readable.from(rest(first.value as Buffer, iterator));
  feed.on('error', (error) => decoder.destroy(error));
  feed.pipe(decoder);
  try {
    for await (const chunk of decoder as AsyncIterable<Buffer>) {
      signal.throwIfAborted();
      size = counted(size, chunk, limit);
      chunks.push(chunk);
    }
  } finally {
    feed.destroy();
    decoder.destroy();
    raw.destroy();
  }
  delete headers['content-encoding'];
  delete headers['content-length'];
  return Buffer.concat(chunks);
}

async function* rest(first: Buffer, iterator: AsyncIterator<unknown>): AsyncGenerator<Buffer> {
  yield first;
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value as Buffer;
}

async function collect(raw: Readable, limit: number, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of raw as AsyncIterable<Buffer>) {
    signal.throwIfAborted();
    size = counted(size, chunk, limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function counted(size: number, chunk: Buffer, limit: number): number {
  if (size + chunk.length <= limit) return size + chunk.length;
  throw new PegasusError('UPSTREAM_ERROR', `The answer is larger than ${limit} bytes, decompressed.`);
}

function decoderFor(encoding: string): Transform {
  const make = Object.hasOwn(DECODERS, encoding) ? DECODERS[encoding] : undefined;
  if (make) return make();
  throw new PegasusError('UPSTREAM_ERROR', 'The answer is compressed in a way that is not known here.');
}
