import { createHmac, timingSafeEqual } from 'node:crypto';
import { LIMITS, PegasusError } from '@pegasus-workflows/contracts';
import { z } from 'zod';
import { type ServerSettings } from '../infra/settings.js';

/**
 * Job: links that need no key, because the server has signed what they allow.
 *
 * Boundary: pure functions of settings and time. A signature covers the verb, every field and the expiry, so that no
 * part of a link can be altered or used for the other purpose.
 */
type Signing = Pick<ServerSettings, 'publicUrl' | 'urlSigningKey'>;

export const UPLOAD_PATH = '/uploads/:workflowId';
export const DOWNLOAD_PATH = '/downloads/:sha256/:filename';

const signatureSchema = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
const expirySchema = z.coerce.number().int().positive();
export const uploadQuerySchema = z.object({
  /** Seconds since 1970. */
  expires: expirySchema,
  size: z.coerce.number().int().min(1).max(LIMITS.artifactBytes),
  signature: signatureSchema,
});
export const downloadQuerySchema = z.object({ expires: expirySchema, signature: signatureSchema });

/** A link that takes exactly `sizeBytes` bytes for a reservation, for {@link LIMITS.uploadUrlSeconds}. */
export function signUploadUrl(signing: Signing, workflowId: string, sizeBytes: number, now: Date): string {
  const expires = secondsFrom(now, LIMITS.uploadUrlSeconds);
  const signature = sign(signing, ['PUT', workflowId, expires, sizeBytes]);
  return `${signing.publicUrl}/uploads/${workflowId}?expires=${expires}&size=${sizeBytes}&signature=${signature}`;
}

/** Throws UPLOAD_URL_INVALID when a link was altered (first, so that nothing is learnt from it) or has expired. */
export function checkUploadUrl(
  signing: Signing,
  workflowId: string,
  query: Record<string, string>,
  now: Date,
): { sizeBytes: number } {
  const parsed = uploadQuerySchema.safeParse(query);
  const fields = parsed.data;
  if (!fields || !matches(signing, ['PUT', workflowId, fields.expires, fields.size], fields.signature)) {
    throw new PegasusError(
      'UPLOAD_URL_INVALID',
      'This upload URL is not one that was handed out; it was altered.',
    );
  }
  if (fields.expires * 1000 <= now.getTime()) {
    throw new PegasusError(
      'UPLOAD_URL_INVALID',
      'This upload URL has expired; ask for a new one and upload again.',
    );
  }
  return { sizeBytes: fields.size };
}

/** A link to stored bytes, for {@link LIMITS.downloadUrlSeconds}. */
export function signDownloadUrl(signing: Signing, sha256: string, filename: string, now: Date): string {
  const expires = secondsFrom(now, LIMITS.downloadUrlSeconds);
  const signature = sign(signing, ['GET', sha256, filename, expires]);
  return `${signing.publicUrl}/downloads/${sha256}/${filename}?expires=${expires}&signature=${signature}`;
}

/** Throws FORBIDDEN when a link was altered or has expired. */
export function checkDownloadUrl(
  signing: Signing,
  sha256: string,
  filename: string,
  query: Record<string, string>,
  now: Date,
): void {
  const fields = downloadQuerySchema.safeParse(query).data;
  if (!fields || !matches(signing, ['GET', sha256, filename, fields.expires], fields.signature)) {
    throw new PegasusError('FORBIDDEN', 'This download URL is not one that was handed out; it was altered.');
  }
  if (fields.expires * 1000 <= now.getTime()) {
    throw new PegasusError('FORBIDDEN', 'This download URL has expired; ask for a new one.');
  }
}

function secondsFrom(now: Date, seconds: number): number {
  return Math.floor(now.getTime() / 1000) + seconds;
}

function sign(signing: Signing, fields: (string | number)[]): string {
  return createHmac('sha256', signing.urlSigningKey).update(fields.join('\n')).digest('base64url');
}

function matches(signing: Signing, fields: (string | number)[], signature: string): boolean {
  return timingSafeEqual(Buffer.from(sign(signing, fields)), Buffer.from(signature));
}
