import { readFile, stat } from 'node:fs/promises';
import { parseMasterKeys, type KeySource } from './vault.js';

/**
 * Follows the file of the master keys: reads it again when another file stands there or its content was written to
 * since the last look that went well. Rejects, in words that hold nothing of the keys, when it cannot be used.
 */
export function masterKeyFile(path: string): KeySource {
  let seen: string | undefined;
  return async () => {
    const { mtimeMs, size, ino } = await stat(path);
    const look = `${ino} ${size} ${mtimeMs}`;
    if (look === seen) return undefined;
    const keys = parseMasterKeys(await readFile(path, 'utf8'));
    seen = look;
    return keys;
  };
}
