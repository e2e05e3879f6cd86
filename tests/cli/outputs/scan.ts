import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/** The files below these folders that hold one of the texts; links and `node_modules` are not followed. */
export async function scanFor(texts: readonly string[], folders: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  const needles = texts.map((text) => Buffer.from(text));
  for (const folder of folders) {
    const entries = await readdir(folder, { withFileTypes: true, recursive: true });
    for (const entry of entries) {
      if (!entry.isFile() || entry.parentPath.includes('node_modules')) continue;
      const file = path.join(entry.parentPath, entry.name);
      const bytes = await readFile(file);
      if (needles.some((needle) => bytes.includes(needle))) found.push(file);
    }
  }
  return found.sort();
}
