import { randomBytes, randomUUID } from 'node:crypto';

export interface MasterKey {
  kty: 'oct';
  kid: string;
  k: string;
}

const KEY_BYTES = 32;

/** Only this user can read the file. */
export const MASTER_KEYS_MODE = 0o600;

/** A key with an id of its own: 32 random bytes, which no process ever prints. */
export function newMasterKey(): MasterKey {
  return { kty: 'oct', kid: randomUUID(), k: randomBytes(KEY_BYTES).toString('base64url') };
}

/** A JSON Web Key Set as it is in the file: what secrets at rest are wrapped with. */
export function keySetText(keys: readonly MasterKey[]): string {
  return `${JSON.stringify({ keys }, null, 2)}\n`;
}

/** The key set of a new data directory. */
export function firstMasterKeys(): string {
  return keySetText([newMasterKey()]);
}
