import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { PegasusError, type SignatureScheme } from '@pegasus-workflows/contracts';
import { ingressPlace } from '../infra/sealed-tables.js';
import { type SealedPlace, type Vault } from '../infra/vault.js';
import { isUsableSecret } from './signature.js';
import { type IngressRow } from './store.js';

const SECRET_BYTES = 32;
const SHOWN_CHARACTERS = 8;

type SecretColumns = Pick<IngressRow, 'tokenHash' | 'secret' | 'masterKeyId' | 'secretPrefix'>;

/** A new secret: the columns that keep it, and the only copy of it, `null` when the caller has one. */
export interface MadeSecret {
  columns: SecretColumns;
  shown: string | null;
}

/** A bearer token. A plain hash of it is enough, because it is random: there is no dictionary to try. */
export function makeToken(): MadeSecret {
  const token = `pgi_${randomBytes(SECRET_BYTES).toString('base64url')}`;
  return {
    columns: {
      tokenHash: hashOf(token).toString('hex'),
      secret: null,
      masterKeyId: null,
      secretPrefix: token.slice(0, SHOWN_CHARACTERS),
    },
    shown: token,
  };
}

/** An HMAC secret, made here or the partner's own. Throws VALIDATION_ERROR for one that the scheme cannot use. */
export async function makeHmacSecret(
  vault: Vault,
  place: SealedPlace,
  scheme: SignatureScheme,
  given: string | undefined,
): Promise<MadeSecret> {
  if (given !== undefined && !isUsableSecret(scheme, given)) {
    throw new PegasusError('VALIDATION_ERROR', 'secret: must be base64, with or without whsec_ before it.');
  }
  const secret = given ?? newHmacSecret(scheme);
  const { sealed, masterKeyId } = await vault.seal(place, secret);
  return {
    columns: {
      tokenHash: null,
      secret: sealed,
      masterKeyId,
      secretPrefix: given === undefined ? secret.slice(0, SHOWN_CHARACTERS) : null,
    },
    shown: given === undefined ? secret : null,
  };
}

function newHmacSecret({ secretEncoding }: SignatureScheme): string {
  const bytes = randomBytes(SECRET_BYTES);
  return secretEncoding === 'base64'
    ? `whsec_${bytes.toString('base64')}`
    : `pgs_${bytes.toString('base64url')}`;
}

/** Whether a token is the ingress's, or the one before it while that still works. Compared in constant time. */
export function isRightToken(row: IngressRow, token: string, now: Date): boolean {
  const given = hashOf(token);
  const valid = [row.tokenHash, overlaps(row, now) ? row.previousTokenHash : null];
  return valid.some((hash) => hash !== null && timingSafeEqual(Buffer.from(hash, 'hex'), given));
}

/** The HMAC secrets that are valid now, the newest first. */
export async function validSecrets(vault: Vault, row: IngressRow, now: Date): Promise<string[]> {
  const sealed = [row.secret, overlaps(row, now) ? row.previousSecret : null];
  return Promise.all(sealed.flatMap((one) => (one === null ? [] : [vault.open(placeOf(row), one)])));
}

/** Where an ingress's secrets are sealed for, the present and the previous one alike. */
export function placeOf({ tenantId, id }: Pick<IngressRow, 'tenantId' | 'id'>): SealedPlace {
  return { tenantId, name: ingressPlace(id) };
}

function overlaps({ previousExpiresAt }: IngressRow, now: Date): boolean {
  return previousExpiresAt !== null && previousExpiresAt > now;
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
