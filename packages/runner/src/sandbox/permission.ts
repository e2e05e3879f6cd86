/**
 * Node's own permission flags for a worker: the second wall. They bind JavaScript; a native addon, which the Temporal
 * SDK is, is not bound by them, so nothing here is relied on alone. No child processes, no WASI, no inspector.
 *
 * @param readable files and folders that may be read
 * @param writable folders that may be read and written
 * @param known which flags this Node knows; asked of the running one unless a test says otherwise
 */
export function permissionFlags(
  readable: readonly string[],
  writable: readonly string[],
  known: Pick<Set<string>, 'has'> = process.allowedNodeEnvironmentFlags,
): string[] {
  const switchOn = ['--permission', '--experimental-permission'].find((flag) => known.has(flag));
  if (!switchOn) return [];
  const wildcard = (path: string): string =>
    /\.[a-z]+$/i.test(path) ? path : `${path.replace(/\/$/, '')}/*`;
  return [
    switchOn,
    // Both say at each start that the model is young and that addons are outside of it. We know.
    '--disable-warning=ExperimentalWarning',
    '--disable-warning=SecurityWarning',
    '--allow-addons',
    '--allow-worker',
    ...(known.has('--allow-net') ? ['--allow-net'] : []),
    ...withoutInner([...readable, ...writable]).map((path) => `--allow-fs-read=${wildcard(path)}`),
    ...writable.map((path) => `--allow-fs-write=${wildcard(path)}`),
  ];
}

/**
 * Folders and files that are in none of the other folders. Node 20 keeps what it allows in a tree of characters, and
 * with a path inside another one it refuses the outer folder itself: with code below `/tmp`, a worker could not list it.
 */
function withoutInner(paths: readonly string[]): string[] {
  const folder = (path: string): string => `${path.replace(/\/$/, '')}/`;
  return paths.filter((path) => !paths.some((other) => other !== path && path.startsWith(folder(other))));
}
