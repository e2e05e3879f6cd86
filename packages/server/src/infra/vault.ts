import { PegasusError } from '@pegasus-workflows/contracts';
import { base64url, CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose';
import { z } from 'zod';

/**
 * Job: what must not be readable at rest, as compact JWE: A256GCMKW around a fresh A256GCM key for every value.
 *
 * Boundary: text in, text out. Master keys come from a JSON Web Key Set in a file or the environment: the first key
 * wraps, every key unwraps. Where the sealed text is kept is others' business.
 *
 * Invariants
 * 1. A sealed value opens only for the tenant and the place it was sealed for: both are in the authenticated header.
 * 2. The header's `kid` says which master key is needed; a value whose key is gone says so, without anything of it.
 * 3. No plain value and no key is in any message of this module.
 */
export interface Vault {
  /** Which master key {@link Vault.seal} wraps with now. */
  readonly currentKeyId: string;
  /** Every master key that can unwrap. */
  readonly keyIds: readonly string[];
  seal(place: SealedPlace, plain: string): Promise<SealedValue>;
  /** Throws SERVICE_UNAVAILABLE when the master key is missing, INTERNAL_ERROR when the value is not what was sealed. */
  open(place: SealedPlace, sealed: string): Promise<string>;
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
    .min(1, 'must hold at least one key'),
});
export type MasterKeySet = z.infer<typeof masterKeySetSchema>;

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

export function openVault({ keys }: MasterKeySet): Vault {
  const byId = new Map(keys.map(({ kid, k }) => [kid, bytesOf(k)!]));
  const current = keys[0]!;
  return {
    currentKeyId: current.kid,
    keyIds: [...byId.keys()],
    seal: async (place, plain) => ({
      sealed: await new CompactEncrypt(new TextEncoder().encode(plain))
        .setProtectedHeader({ alg: 'A256GCMKW', enc: 'A256GCM', kid: current.kid, sub: subjectOf(place) })
        .encrypt(byId.get(current.kid)!),
      masterKeyId: current.kid,
    }),
    open: async (place, sealed) => {
      const header = decodeProtectedHeader(sealed);
      const key = byId.get(header.kid ?? '');
      if (!key) {
        throw new PegasusError(
          'SERVICE_UNAVAILABLE',
          `The master key ${JSON.stringify(header.kid ?? null)} is not among the platform's; add it back to the key set.`,
        );
      }
      const { plaintext, protectedHeader } = await compactDecrypt(sealed, key, {
        keyManagementAlgorithms: ['A256GCMKW'],
        contentEncryptionAlgorithms: ['A256GCM'],
      });
      if (protectedHeader['sub'] !== subjectOf(place)) {
        throw new PegasusError('INTERNAL_ERROR', 'A sealed value is not at the place it was sealed for.');
      }
      return new TextDecoder().decode(plaintext);
    },
  };
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
