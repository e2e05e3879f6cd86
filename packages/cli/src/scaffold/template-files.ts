import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { camelCase } from '../names.js';
import { readVersion } from '../version.js';
import type { TemplateName } from './templates.js';

const TEMPLATES_DIR = fileURLToPath(new URL('../../templates/', import.meta.url));

/**
 * The files of a new project by their paths below it, with `/`. What all templates have in common is in
 * `templates/_shared`; a template's own file replaces the shared one of the same path. Every `__name__`,
 * `__camelName__` and `__version__`, in contents and in paths, becomes this project's.
 */
export async function templateFiles(template: TemplateName, name: string): Promise<Map<string, string>> {
  const values: Record<string, string> = {
    __name__: name,
    __camelName__: camelCase(name),
    __version__: readVersion(),
  };
  const fill = (text: string): string =>
    text.replace(/__(?:name|camelName|version)__/g, (key) => values[key] ?? key);
  const files = new Map<string, string>();
  for (const layer of ['_shared', template]) {
    for (const [file, text] of await readLayer(path.join(TEMPLATES_DIR, layer)))
      files.set(fill(file), fill(text));
  }
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function readLayer(folder: string): Promise<[file: string, text: string][]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => {
        const source = path.join(entry.parentPath, entry.name);
        const file = path.relative(folder, source).split(path.sep).join('/');
        // npm leaves a .gitignore out of a packed package, so the template's has another name.
        return [file.replace(/_gitignore$/, '.gitignore'), await readFile(source, 'utf8')] as [
          string,
          string,
        ];
      }),
  );
}
