import type { ReadSource } from '../code/resolve-module.js';

/** A file larger than this is no source text; the verifier reads none either. Bytes. */
const TEXT_BYTES = 2 * 1024 * 1024;

/** Reads what an artifact will hold, as the server will read it out of the zip: the same text, or nothing. */
export function artifactSources(files: ReadonlyMap<string, Uint8Array>): ReadSource {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  return (file) => {
    const bytes = files.get(file);
    if (!bytes || bytes.length > TEXT_BYTES) return undefined;
    try {
      return decoder.decode(bytes);
    } catch {
      return undefined;
    }
  };
}
