import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { ReadSource } from './resolve-module.js';

/** Reads the files of a project that lies at `root`, each once. */
export function sourceReader(root: string): ReadSource {
  const texts = new Map<string, string | undefined>();
  return (file) => {
    if (!texts.has(file)) {
      const target = path.join(root, file);
      const readable = existsSync(target) && statSync(target).isFile();
      texts.set(file, readable ? readFileSync(target, 'utf8') : undefined);
    }
    return texts.get(file);
  };
}
