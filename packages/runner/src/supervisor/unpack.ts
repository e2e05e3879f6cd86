import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ARTIFACT_PATHS, LIMITS } from '@pegasus-workflows/contracts';
import { open, type Entry, type ZipFile } from 'yauzl';

/** What running an artifact takes; its sources stay in the zip. A fixed list, so no path of the zip is ever trusted. */
const NEEDED: ReadonlySet<string> = new Set([
  ARTIFACT_PATHS.descriptor,
  ARTIFACT_PATHS.workflowBundle,
  ARTIFACT_PATHS.activityBundle,
]);

/**
 * Unpacks the files that a worker needs from an artifact's zip into `directory`, which must be fresh. Returns their
 * paths. yauzl refuses absolute paths and `..`, and entries whose size is not the announced one.
 */
export async function unpackArtifact(zipFile: string, directory: string): Promise<string[]> {
  const zip = await openZip(zipFile);
  const unpacked = new Set<string>();
  try {
    for (let entry = await nextEntry(zip); entry; entry = await nextEntry(zip)) {
      const path = entry.fileName;
      if (!NEEDED.has(path)) continue;
      if (unpacked.has(path)) throw new Error(`artifact holds ${path} twice`);
      if (entry.uncompressedSize > LIMITS.artifactUncompressedBytes)
        throw new Error(`artifact's ${path} is larger than ${LIMITS.artifactUncompressedBytes} bytes`);
      unpacked.add(path);
      await extract(zip, entry, join(directory, path));
    }
  } finally {
    zip.close();
  }
  return [...unpacked];
}

function openZip(file: string): Promise<ZipFile> {
  return new Promise((resolve, reject) => {
    open(file, { lazyEntries: true, autoClose: false, strictFileNames: true }, (error, zip) =>
      error ? reject(error) : resolve(zip),
    );
  });
}

function nextEntry(zip: ZipFile): Promise<Entry | undefined> {
  return new Promise((resolve, reject) => {
    const settle = (done: () => void): void => {
      zip.removeListener('entry', onEntry).removeListener('end', onEnd).removeListener('error', onError);
      done();
    };
    const onEntry = (entry: Entry): void => settle(() => resolve(entry));
    const onEnd = (): void => settle(() => resolve(undefined));
    const onError = (error: Error): void => settle(() => reject(error));
    zip.on('entry', onEntry).on('end', onEnd).on('error', onError);
    zip.readEntry();
  });
}

async function extract(zip: ZipFile, entry: Entry, target: string): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const source = await new Promise<NodeJS.ReadableStream>((resolve, reject) => {
    zip.openReadStream(entry, (error, stream) => (error ? reject(error) : resolve(stream)));
  });
  await pipeline(source, createWriteStream(target, { flags: 'wx', mode: 0o444 }));
}
