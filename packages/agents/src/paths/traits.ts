import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Fold } from '../permissions/patterns.js';

/** What a file system takes for one name. */
export interface FileSystemTraits {
  /** `README` and `readme` are one file. */
  ignoresCase: boolean;
  /** `é` as one character and as two are one file. */
  normalizes: boolean;
}

/** Tries it with two files in a folder of its own below `folder`, which are gone afterwards. */
export async function traitsOf(folder: string): Promise<FileSystemTraits> {
  const probe = await mkdtemp(join(folder, '.names-'));
  try {
    await writeFile(join(probe, 'a'), '');
    await writeFile(join(probe, '\u00e9'), '');
    return {
      ignoresCase: await exists(join(probe, 'A')),
      normalizes: await exists(join(probe, 'e\u0301')),
    };
  } finally {
    await rm(probe, { recursive: true, force: true });
  }
}

/** Makes alike the names that such a file system takes for one. */
export function foldOf({ ignoresCase, normalizes }: FileSystemTraits): Fold {
  return (name) => {
    const normal = normalizes || ignoresCase ? name.normalize('NFKC') : name;
    // Upper case first: some letters are alike only then, as ß and ẞ, or the two small sigmas.
    return ignoresCase ? normal.toUpperCase().toLowerCase().normalize('NFKC') : normal;
  };
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
