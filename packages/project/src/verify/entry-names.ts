/** Bytes of one path segment and of a whole path that every common file system takes. */
const SEGMENT_BYTES = 255;
const PATH_BYTES = 1024;
const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The name as text; undefined when it is not UTF-8, so that two readers could see two names. */
export function decodeName(raw: Uint8Array): string | undefined {
  try {
    return DECODER.decode(raw);
  } catch {
    return undefined;
  }
}

/**
 * Why a zip entry's name is refused, as a sentence; undefined when unpacking it anywhere writes below that place and
 * nowhere else, on any system.
 */
export function unsafeName(name: string): string | undefined {
  const shown = JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);
  const path = name.endsWith('/') ? name.slice(0, -1) : name;
  const segments = path.split('/');
  if (path === '') return `An entry has no name.`;
  if (/[\u0000-\u001f\u007f]/.test(name)) return `Entry ${shown} has a control character in its name.`;
  if (name.includes('\\')) return `Entry ${shown} has a backslash in its name; use "/".`;
  if (name.startsWith('/')) return `Entry ${shown} has an absolute path.`;
  // A colon names a drive, or on Windows a second stream of a file.
  if (name.includes(':')) return `Entry ${shown} has a drive letter or colon in its name.`;
  if (segments.includes('..')) return `Entry ${shown} climbs out of the artifact with "..".`;
  if (segments.includes('.') || segments.includes(''))
    return `Entry ${shown} has an empty or "." part in its path.`;
  if (segments.some((segment) => /[. ]$/.test(segment)))
    return `Entry ${shown} has a part that ends in a dot or a space, which some systems drop.`;
  if (
    segments.some((segment) => Buffer.byteLength(segment) > SEGMENT_BYTES) ||
    Buffer.byteLength(name) > PATH_BYTES
  )
    return `Entry ${shown} has a name that is too long.`;
  return undefined;
}

/**
 * Finds names that are one file on some system: repeated, alike but for case or Unicode form, or a file where another
 * entry needs a folder. Folders that are only implied by paths count too.
 */
export class NameCollisions {
  /** Folded path → the path as first written, and whether as a file. */
  private readonly seen = new Map<string, { path: string; kind: 'file' | 'folder'; written: boolean }>();

  /** The problem that adding this name makes, as a sentence. */
  add(name: string): string | undefined {
    const isFolder = name.endsWith('/');
    const segments = (isFolder ? name.slice(0, -1) : name).split('/');
    for (let length = 1; length <= segments.length; length++) {
      const path = segments.slice(0, length).join('/');
      const isLast = length === segments.length;
      const problem = this.claim(path, isLast && !isFolder ? 'file' : 'folder', isLast);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  private claim(path: string, kind: 'file' | 'folder', written: boolean): string | undefined {
    const key = fold(path);
    const other = this.seen.get(key);
    if (!other) {
      this.seen.set(key, { path, kind, written });
      return undefined;
    }
    if (other.path !== path)
      return `Entries "${other.path}" and "${path}" differ only in case or Unicode form; many systems see one name.`;
    if (other.kind !== kind) return `Entry "${path}" is both a file and a folder.`;
    if (written && other.written) return `Entry "${path}" is there twice.`;
    other.written ||= written;
    return undefined;
  }
}

/** Upper case first: it brings together what lower case keeps apart, such as ß and SS. */
function fold(path: string): string {
  return path.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC');
}
