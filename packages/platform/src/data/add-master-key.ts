import { readFile } from 'node:fs/promises';
import { PegasusError } from '@pegasus-workflows/contracts';
import { parseMasterKeys } from '@pegasus-workflows/server/vault';
import { lock } from 'proper-lockfile';
import { writeFileAtomic } from '@pegasus-workflows/kit/files';
import { dataLayout } from './layout.js';
import { keySetText, MASTER_KEYS_MODE, newMasterKey, type MasterKey } from './master-keys.js';

export interface AddedMasterKey {
  file: string;
  keyId: string;
  /** Every key of the set, the new one first. */
  keyIds: string[];
}

/**
 * Puts a new master key before those of a data directory. A platform that runs there takes it up by itself, wraps what
 * is new with it, and brings everything else under it; the keys before it stay for as long as anything needs them. Two
 * at once wait for each other; a kill leaves the old set or the new one.
 *
 * @throws PegasusError NOT_FOUND without a platform there, CONFLICT while another process changes the file,
 *   VALIDATION_ERROR when what is there is no key set
 */
export async function addMasterKey(dataDir: string): Promise<AddedMasterKey> {
  const file = dataLayout(dataDir).secrets.masterKeys;
  const release = await lock(file, { retries: { retries: 20, minTimeout: 50, maxTimeout: 500 } }).catch(
    (error: unknown) => {
      throw refusal(file, dataDir, error);
    },
  );
  try {
    const keys = await readKeys(file);
    const added = newMasterKey();
    const all = [added, ...keys];
    await writeFileAtomic(file, keySetText(all), MASTER_KEYS_MODE);
    return { file, keyId: added.kid, keyIds: all.map(({ kid }) => kid) };
  } finally {
    await release();
  }
}

async function readKeys(file: string): Promise<MasterKey[]> {
  const text = await readFile(file, 'utf8');
  try {
    // As the server reads it: a set that it would refuse must not be built upon.
    return parseMasterKeys(text).keys;
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'it cannot be read';
    throw new PegasusError('VALIDATION_ERROR', `${file}: ${reason}.`, {
      hint: 'Put back the file as it was, from a backup: without its keys no secret opens.',
      cause: error,
    });
  }
}

function refusal(file: string, dataDir: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT')
    return new PegasusError('NOT_FOUND', `There is no platform in ${dataDir}: it has no ${file}.`, {
      hint: 'Name its data directory with --data-dir; the platform prints it when it starts.',
    });
  if (code === 'ELOCKED')
    return new PegasusError('CONFLICT', `Another process is changing ${file}.`, { hint: 'Try again.' });
  return error;
}
