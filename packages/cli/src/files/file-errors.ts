import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { isCode } from './write-atomically.js';

/** Why the system refused, in words for a person who has never seen an errno. */
const REASONS: Record<string, string> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is not a folder',
  EEXIST: 'a part of its path is not a folder',
  ELOOP: 'it is a link that leads back to itself',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  ENAMETOOLONG: 'its path is too long',
};

/** A file that cannot be read: something to mend, exit code 2. Errors that are not the file system's stay themselves. */
export function unreadable(file: string, error: unknown): unknown {
  const reason = reasonOf(error);
  if (reason === undefined) return error;
  return new PegasusError('VALIDATION_ERROR', `${file} cannot be read: ${reason}.`, {
    hint: isCode(error, 'EACCES', 'EPERM') ? `Look who owns it: ls -l ${file}` : `Move it away: ${file}`,
    cause: error,
  });
}

/** A file that cannot be written: what was there is there still. */
export function unwritable(file: string, error: unknown, remedy: string): unknown {
  const reason = isCode(error, 'ENOENT') ? 'its folder cannot be made' : reasonOf(error);
  if (reason === undefined) return error;
  return new PegasusError('INTERNAL_ERROR', `${file} cannot be written: ${reason}. Nothing was changed.`, {
    hint: remedy,
    cause: error,
  });
}

/** A sentence for an error of the file system that nobody expected where it came up; undefined for any other error. */
export function fileSentence(error: unknown): string | undefined {
  const reason = reasonOf(error);
  if (reason === undefined || !(error instanceof Error)) return undefined;
  const where = 'path' in error && typeof error.path === 'string' ? `${error.path}: ` : '';
  return `${where}${reason}.`;
}

function reasonOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? REASONS[String(error.code)] : undefined;
}
