import { PegasusError } from '@pegasus-workflows/contracts';
import { JSON_TYPE, parseJsonBytes } from '../infra/http-body.js';
import { isForm } from './signature.js';

/**
 * What a partner's body says: JSON as it is, a form as an object of its fields (a list where a name is repeated), any
 * other text as `{raw}`, nothing as `null`.
 *
 * Throws VALIDATION_ERROR for what cannot be stored unchanged, UNSUPPORTED_MEDIA_TYPE for what is no text.
 */
export function parsePayload(contentType: string | undefined, bytes: Uint8Array): unknown {
  if (bytes.byteLength === 0) return null;
  if (JSON_TYPE.test(contentType ?? '')) return parseJsonBytes(bytes);
  const text = textOf(contentType, bytes);
  return isForm(contentType) ? fieldsOf(new URLSearchParams(text)) : { raw: storable(text) };
}

function textOf(contentType: string | undefined, bytes: Uint8Array): string {
  try {
    // Multipart is text in parts: taking it as one would only look like understanding it.
    if (!/^multipart\//i.test(contentType ?? ''))
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    // Told below.
  }
  throw new PegasusError('UNSUPPORTED_MEDIA_TYPE', 'The body must be JSON, a form, or text in UTF-8.');
}

function fieldsOf(form: URLSearchParams): Record<string, string | string[]> {
  const names = new Set(form.keys());
  if (names.has('__proto__')) {
    throw new PegasusError(
      'VALIDATION_ERROR',
      'The body has a field "__proto__", which cannot be passed on.',
    );
  }
  return Object.fromEntries(
    [...names].map((name) => {
      const values = form.getAll(name).map(storable);
      return [storable(name), values.length === 1 ? values[0]! : values];
    }),
  );
}

function storable(text: string): string {
  if (text.includes('\0')) {
    throw new PegasusError('VALIDATION_ERROR', 'The body holds a NUL character, which cannot be stored.');
  }
  return text;
}
