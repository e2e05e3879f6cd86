import { PegasusError } from '@pegasus-workflows/contracts';
import { base64url, CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose';
import { z } from 'zod';

/**
 * Job: what must not be readable at rest, as compact JWE: A256GCMKW around a fresh A256GCM key for every value.
 *
 * Boundary: text in, text out. Master keys come from a JSON Web Key Set in a file or the environment: the first key
 * wraps, every key unwraps. The set can change while values are sealed and opened. Where the sealed text is kept is
 * others' business.
 *
 * Invariants
 * 1. A sealed value opens only for the tenant and the place it was sealed for: both are in the authenticated header.
 * 2. The header's `kid` says which master key is needed; a value whose key is gone says so, without anything of it.
 * 3. No plain value and no key is in any message of this module.
 * 4. A value whose key is unknown is tried again with the key set as its source has it now, before it is given up: no
 *    server refuses what another one, which has heard of a new key a moment earlier, has sealed.
 * 5. A key id means one key for ever: a set that gives a known id other bytes is refused.
 */
export interface Vault {
  /** Which master key {@link Vault.seal} wraps with now. */
  readonly currentKeyId: string;
  /** Every master key that can unwrap. */
  readonly keyIds: readonly string[];
  /** Throws INTERNAL_ERROR for text that UTF-8 cannot carry (half of a surrogate pair). */
  seal(place: SealedPlace, plain: string): Promise<SealedValue>;
  /** Throws SERVICE_UNAVAILABLE when the master key is missing, INTERNAL_ERROR when the value is not what was sealed. */
  open(place: SealedPlace, sealed: string): Promise<string>;
  /**
   * Takes the key set over as its source has it now; answers whether it is another one than before. Rejects, and keeps
   * the old set, when the new one cannot be used.
   */
  refresh(): Promise<boolean>;
}

/** What a value belongs to: moving it elsewhere makes it unreadable. */
export interface SealedPlace {
  tenantId: string;
  /** Such as `secret/global/API_KEY` or `webhook/<id>`. */
  name: string;
}

export interface SealedValue {
  sealed: string;
  masterKeyId: string;
}

const KEY_BYTES = 32;

export const masterKeySetSchema = z.object({
  keys: z
    .array(
      z.object({
        kty: z.literal('oct'),
        kid: z.string().min(1).max(100),
        k: z.string().refine((text) => bytesOf(text)?.length === KEY_BYTES, 'must be 32 bytes, base64url'),
      }),
    )
    .min(1, 'must hold at least one key')
    .refine((keys) => new Set(keys.map(({ kid }) => kid)).size === keys.length, 'must not repeat a kid'),
});
export type MasterKeySet = z.infer<typeof masterKeySetSchema>;

/** Where a key set is read again; `undefined` when it has not changed since. Rejects when it cannot be used. */
export type KeySource = () => Promise<MasterKeySet | undefined>;

/** Throws an Error that says what is wrong with the key set, without anything of the keys. */
export function parseMasterKeys(text: string): MasterKeySet {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Error('the master keys are not JSON: they must be a JSON Web Key Set');
  }
  const parsed = masterKeySetSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`the master keys are not usable: ${issue?.path.join('.')}: ${issue?.message}`);
}

/** The id of the master key that a sealed value needs; `undefined` for what is no sealed value. */
export function keyIdOf(sealed: string): string | undefined {
  try {
    return decodeProtectedHeader(sealed).kid;
  } catch {
    return undefined;
  }
}

/** Without a `source` the keys stay what they are. */
export function openVault(keys: MasterKeySet, source?: KeySource): Vault {
  return new JweVault(keys, source);
}

class JweVault implements Vault {
  #keys: ReadonlyMap<string, Uint8Array>;
  #current: string;
  /** One look at the source at a time; whoever needs one shares it. */
  #refreshing: Promise<boolean> | undefined;
  readonly #source: KeySource | undefined;

  constructor({ keys }: MasterKeySet, source: KeySource | undefined) {
    this.#keys = byId(keys);
    this.#current = keys[0]!.kid;
    this.#source = source;
  }

  get currentKeyId(): string {
    return this.#current;
  }
  get keyIds(): readonly string[] {
    return [...this.#keys.keys()];
  }

  async seal(place: SealedPlace, plain: string): Promise<SealedValue> {
    const kid = this.#current;
    const key = this.#keys.get(kid)!;
    if (/\p{Surrogate}/u.test(plain)) {
      throw new PegasusError('INTERNAL_ERROR', 'A value with half of a surrogate pair cannot be sealed.');
    }
    const sealed = await new CompactEncrypt(new TextEncoder().encode(plain))
      .setProtectedHeader({ alg: 'A256GCMKW', enc: 'A256GCM', kid, sub: subjectOf(place) })
      .encrypt(key);
    return { sealed, masterKeyId: kid };
  }

  async open(place: SealedPlace, sealed: string): Promise<string> {
    const key = await this.#keyFor(keyIdOf(sealed) ?? null);
    try {
      const { plaintext, protectedHeader } = await compactDecrypt(sealed, key, {
        keyManagementAlgorithms: ['A256GCMKW'],
        contentEncryptionAlgorithms: ['A256GCM'],
      });
      if (protectedHeader['sub'] === subjectOf(place)) {
        return new TextDecoder('utf-8', { ignoreBOM: true }).decode(plaintext);
      }
    } catch (cause) {
      throw new PegasusError('INTERNAL_ERROR', 'A sealed value is not what was sealed.', { cause });
    }
    throw new PegasusError('INTERNAL_ERROR', 'A sealed value is not at the place it was sealed for.');
  }

  refresh(): Promise<boolean> {
    this.#refreshing ??= this.#takeOver().finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  /** Invariants 2 and 4. */
  async #keyFor(kid: string | null): Promise<Uint8Array> {
    let unreadable: unknown;
    if (!this.#keys.has(kid ?? '')) {
      await this.refresh().catch((error: unknown) => (unreadable = error));
    }
    const key = this.#keys.get(kid ?? '');
    if (key) return key;
    throw new PegasusError(
      'SERVICE_UNAVAILABLE',
      `The master key ${JSON.stringify(kid)} is not among the platform's; add it back to the key set.`,
      unreadable === undefined ? {} : { cause: unreadable },
    );
  }

  async #takeOver(): Promise<boolean> {
    const changed = await this.#source?.();
    if (!changed) return false;
    const keys = byId(changed.keys);
    for (const [kid, bytes] of keys) {
      const known = this.#keys.get(kid);
      if (known && !Buffer.from(known).equals(bytes)) {
        throw new Error(
          `the master key ${JSON.stringify(kid)} has other bytes than before; give a new key a new kid`,
        );
      }
    }
    this.#keys = keys;
    this.#current = changed.keys[0]!.kid;
    return true;
  }
}

function byId(keys: MasterKeySet['keys']): Map<string, Uint8Array> {
  return new Map(keys.map(({ kid, k }) => [kid, bytesOf(k)!]));
}

function subjectOf({ tenantId, name }: SealedPlace): string {
  return `${tenantId}/${name}`;
}

function bytesOf(text: string): Uint8Array | undefined {
  try {
    return base64url.decode(text);
  } catch {
    return undefined;
  }
}
