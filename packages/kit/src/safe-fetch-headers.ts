import { PegasusError } from '@pegasus-workflows/contracts';

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/;
/** Visible characters of Latin-1, spaces and tabs: a line break would begin another header. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** What frames the message: said by this side alone, or a request could be smuggled inside another. */
const FRAMING = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Throws VALIDATION_ERROR for a method other than the usual ones. */
export function checkMethod(method: string): void {
  if (METHODS.has(method)) return;
  throw new PegasusError('VALIDATION_ERROR', `The method must be one of ${[...METHODS].join(', ')}.`);
}

/** Throws VALIDATION_ERROR, naming the header but never its value, for one that cannot be sent as it is. */
export function checkHeaders(headers: Record<string, string>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (!HEADER_NAME.test(name)) {
      throw new PegasusError(
        'VALIDATION_ERROR',
        `${JSON.stringify(name.slice(0, 100))} is not the name of a header.`,
      );
    }
    if (FRAMING.has(name.toLowerCase())) {
      throw new PegasusError(
        'VALIDATION_ERROR',
        `The header ${JSON.stringify(name)} is set by the platform; leave it out.`,
      );
    }
    if (!HEADER_VALUE.test(value)) {
      throw new PegasusError(
        'VALIDATION_ERROR',
        `The value of the header ${JSON.stringify(name)} holds a line break or a character that no header can hold.`,
      );
    }
  }
}
