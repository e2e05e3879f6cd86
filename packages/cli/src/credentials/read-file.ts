import { type Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { unreadable } from '../files/file-errors.js';
import { isCode } from '../files/write-atomically.js';

export interface SecretFile {
  /** As it is, with its byte order mark if it has one. */
  text: string;
  /** Sentences to print: others can read it, it is another person's. */
  warnings: string[];
}

/**
 * Reads a file of secrets, once its owner is known to be this user: whoever can write it decides which platform the
 * keys and inputs are sent to. Undefined when there is none. What is checked is what is read: one open file.
 *
 * As ssh does with its own files, one that belongs to neither this user nor root is refused. Root, who is often shown
 * another user's files (containers, sudo), is warned. Loose permission bits are a warning.
 *
 * @throws PegasusError FORBIDDEN for another user's file, VALIDATION_ERROR when it cannot be read or is no UTF-8 text
 */
export async function readSecretFile(file: string): Promise<SecretFile | undefined> {
  let bytes: Buffer;
  let stats: Stats;
  try {
    const handle = await open(file, 'r');
    try {
      stats = await handle.stat();
      if (!stats.isDirectory()) refuseStrangers(file, stats);
      bytes = await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw unreadable(file, error);
  }
  return { text: decode(bytes, file), warnings: warningsOf(file, stats) };
}

function refuseStrangers(file: string, { uid }: Stats): void {
  const me = process.getuid?.();
  if (me === undefined || me === 0 || uid === me || uid === 0) return;
  throw new PegasusError('FORBIDDEN', `${file} belongs to another user (uid ${uid}); it is not read.`, {
    hint: `Copy what you need into a file of your own, or name one: PEGASUS_CREDENTIALS_FILE=…`,
  });
}

function warningsOf(file: string, { uid, mode }: Stats): string[] {
  const me = process.getuid?.();
  // Windows has no such bits; a pipe's (`<(…)`) say nothing about who sees what it carries.
  if (me === undefined || (mode & 0o170000) !== 0o100000) return [];
  const warnings: string[] = [];
  if (uid !== me && uid !== 0) warnings.push(`${file} belongs to another user (uid ${uid})`);
  const loose = (mode & 0o022) !== 0 ? 'changed' : (mode & 0o077) !== 0 ? 'read' : undefined;
  const bits = (mode & 0o777).toString(8).padStart(3, '0');
  if (loose) warnings.push(`${file} can be ${loose} by others (mode ${bits}); run: chmod 600 ${file}`);
  return warnings;
}

function decode(bytes: Buffer, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new PegasusError('VALIDATION_ERROR', `${file} is not UTF-8 text.`, {
      hint: 'Save it as UTF-8; some editors and shells of Windows write UTF-16.',
      cause: error,
    });
  }
}
