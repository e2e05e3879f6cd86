import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

export const ROOT = path.resolve(import.meta.dirname, '../../..');

export interface Page {
  /** From the root, such as `docs/tutorial.md`. */
  file: string;
  text: string;
}

/** Every page that a reader may meet: the site, the README files, the change log. */
export async function allPages(): Promise<Page[]> {
  const site = await readdir(path.join(ROOT, 'docs'), { recursive: true, withFileTypes: true });
  const examples = await readdir(path.join(ROOT, 'examples'));
  const files = [
    ...site
      .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
      .map((entry) => path.relative(ROOT, path.join(entry.parentPath, entry.name)))
      .filter((file) => !file.startsWith(path.join('docs', '.vitepress'))),
    ...examples.map((example) => path.join('examples', example, 'README.md')),
    'README.md',
    'AGENTS.md',
    'SECURITY.md',
    'CHANGELOG.md',
  ];
  const pages = await Promise.all(files.sort().map(readPage));
  return pages.filter((page) => page !== undefined);
}

async function readPage(file: string): Promise<Page | undefined> {
  try {
    return { file, text: await readFile(path.join(ROOT, file), 'utf8') };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
