/**
 * What a dispatch has read, by the digest of each file as it was: an edit of a file that is another one by now, or that
 * was never read, is one that nobody can have meant. Plain data, so that it goes on with the dispatch after a crash.
 */
export type Reads = Readonly<Record<string, string>>;

/** @param path relative to the workspace's root */
export function haveRead(reads: Reads, path: string, digest: string): Reads {
  return { ...reads, [path]: digest };
}

export function lastRead(reads: Reads, path: string): string | undefined {
  return Object.hasOwn(reads, path) ? reads[path] : undefined;
}
