/** What Node's permission flags refuse, by the names it gives them (nodejs.org/docs/latest-v20.x/api/permissions.html). */
const WHAT: Readonly<Record<string, string>> = {
  FileSystemRead: 'reading',
  FileSystemWrite: 'writing',
  ChildProcess: 'starting a program',
  WorkerThreads: 'starting a thread',
};

/**
 * Says in the message what the sandbox refused, in place: Node's own is "Access to this API has been restricted" for
 * everything, and what it was stands in properties that no failure carries to its reader.
 */
export function nameRefusedAccess(error: unknown): void {
  if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_ACCESS_DENIED') return;
  const { permission, resource } = error as { permission?: unknown; resource?: unknown };
  const what = typeof permission === 'string' ? (WHAT[permission] ?? permission) : undefined;
  const of = typeof resource === 'string' && resource !== '' ? ` ${resource}` : '';
  if (what) error.message = `The sandbox does not allow ${what}${of}`;
}
