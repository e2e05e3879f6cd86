import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { type SignatureScheme } from '@pegasus-workflows/contracts';

/** How far the signed time may be from ours unless the scheme says otherwise, in seconds. */
const TOLERANCE_SECONDS = 300;
/** More signatures than that in one header are not looked at. */
const CANDIDATES_MAX = 20;

/** What was received, as it was. */
export interface SignedCall {
  header: (name: string) => string | undefined;
  bytes: Uint8Array;
  /** As the partner called it, with its query. */
  url: string;
  now: Date;
}

/**
 * Which signature of a call is right: its hexadecimal form, or `undefined` when none is. Compared in constant time,
 * with every secret that is valid at present; a signed time that is too far from ours makes the call worthless.
 */
export function rightSignature(
  scheme: SignatureScheme,
  secrets: readonly string[],
  call: SignedCall,
): string | undefined {
  const parts = partsOf(scheme, call);
  const time = scheme.signedContent.includes('timestamp') ? signedTime(scheme, parts, call) : '';
  const content = time === undefined ? undefined : signedContent(scheme, time, call);
  if (content === undefined) return undefined;
  const given = candidates(scheme, parts);
  let right: string | undefined;
  for (const secret of secrets) {
    const digest = createHmac(scheme.algorithm, keyOf(scheme, secret)).update(content).digest();
    for (const one of given)
      if (one.length === digest.length && timingSafeEqual(one, digest)) right = digest.toString('hex');
  }
  return right;
}

/** Whether a secret's text is one that the scheme can use. */
export function isUsableSecret(scheme: SignatureScheme, secret: string): boolean {
  return scheme.secretEncoding === 'utf8' || /^(whsec_)?[A-Za-z0-9+/]{16,}={0,2}$/.test(secret);
}

function keyOf(scheme: SignatureScheme, secret: string): Buffer {
  return scheme.secretEncoding === 'utf8'
    ? Buffer.from(secret, 'utf8')
    : Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
}

function partsOf(scheme: SignatureScheme, { header }: SignedCall): string[] {
  const value = header(scheme.header)?.trim() ?? '';
  const parts = scheme.separator === undefined ? [value] : value.split(scheme.separator);
  return parts.slice(0, CANDIDATES_MAX).map((part) => part.trim());
}

function candidates({ prefix = '', encoding }: SignatureScheme, parts: readonly string[]): Buffer[] {
  const shape = encoding === 'hex' ? /^(?:[0-9a-f]{2})+$/i : /^[A-Za-z0-9+/]+={0,2}$/;
  return parts
    .filter((part) => part.startsWith(prefix))
    .map((part) => part.slice(prefix.length))
    .filter((text) => shape.test(text))
    .map((text) => Buffer.from(text, encoding));
}

/** The time as it was written; `undefined` when it is missing, unreadable or too far away. */
function signedTime(scheme: SignatureScheme, parts: readonly string[], call: SignedCall): string | undefined {
  const { timestampHeader, timestampField, toleranceSeconds = TOLERANCE_SECONDS } = scheme;
  const text =
    timestampField === undefined
      ? call.header(timestampHeader ?? '')?.trim()
      : parts.find((part) => part.startsWith(`${timestampField}=`))?.slice(timestampField.length + 1);
  if (text === undefined || !/^\d{1,12}$/.test(text)) return undefined;
  const away = Math.abs(call.now.getTime() / 1_000 - Number(text));
  return away <= toleranceSeconds ? text : undefined;
}

function signedContent(scheme: SignatureScheme, time: string, call: SignedCall): Buffer | undefined {
  const before = (text: string): Buffer => Buffer.concat([Buffer.from(text), call.bytes]);
  switch (scheme.signedContent) {
    case 'body':
      return before('');
    case 'timestamp.body':
      return before(`${time}.`);
    case 'v0:timestamp:body':
      return before(`v0:${time}:`);
    case 'id.timestamp.body': {
      const id = call.header(scheme.idHeader ?? '')?.trim();
      return id ? before(`${id}.${time}.`) : undefined;
    }
    case 'url+form':
      return urlAndForm(call);
  }
}

/** A body that is no form is signed by its digest in the URL; without that, nobody has vouched for it. */
function urlAndForm({ header, bytes, url }: SignedCall): Buffer | undefined {
  if (!isForm(header('content-type'))) {
    const digest = createHash('sha256').update(bytes).digest('hex');
    return new URL(url).searchParams.get('bodySHA256') === digest ? Buffer.from(url) : undefined;
  }
  const form = new URLSearchParams(Buffer.from(bytes).toString('utf8'));
  const names = [...new Set(form.keys())].sort();
  const fields = names.flatMap((name) => [...new Set(form.getAll(name))].sort().map((value) => name + value));
  return Buffer.from(url + fields.join(''));
}

/** Whether a `Content-Type` says an HTML form. */
export function isForm(contentType: string | undefined): boolean {
  return /^application\/x-www-form-urlencoded\s*(;|$)/i.test(contentType ?? '');
}
