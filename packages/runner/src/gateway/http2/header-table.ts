/** The static table of HPACK (RFC 7541, appendix A), and what both tables agree on. */
export interface Entry {
  readonly name: string;
  readonly value: string;
}

const row = (name: string, ...values: string[]): Entry[] =>
  values.length === 0 ? [{ name, value: '' }] : values.map((value) => ({ name, value }));

/** From index 1 on. */
export const STATIC_TABLE: readonly Entry[] = [
  ...row(':authority'),
  ...row(':method', 'GET', 'POST'),
  ...row(':path', '/', '/index.html'),
  ...row(':scheme', 'http', 'https'),
  ...row(':status', '200', '204', '206', '304', '400', '404', '500'),
  ...row('accept-charset'),
  ...row('accept-encoding', 'gzip, deflate'),
  ...['accept-language', 'accept-ranges', 'accept', 'access-control-allow-origin', 'age', 'allow'].flatMap(
    (name) => row(name),
  ),
  ...[
    'authorization',
    'cache-control',
    'content-disposition',
    'content-encoding',
    'content-language',
    'content-length',
    'content-location',
    'content-range',
    'content-type',
    'cookie',
    'date',
    'etag',
    'expect',
    'expires',
    'from',
    'host',
    'if-match',
    'if-modified-since',
    'if-none-match',
    'if-range',
    'if-unmodified-since',
    'last-modified',
    'link',
    'location',
    'max-forwards',
    'proxy-authenticate',
    'proxy-authorization',
    'range',
    'referer',
    'refresh',
    'retry-after',
    'server',
    'set-cookie',
    'strict-transport-security',
    'transfer-encoding',
    'user-agent',
    'vary',
    'via',
    'www-authenticate',
  ].flatMap((name) => row(name)),
];

/** Bytes of the dynamic table until a peer says otherwise. */
export const TABLE_BYTES = 4_096;

/** What an entry counts for (RFC 7541, section 4.1). */
export function entryBytes({ name, value }: Entry): number {
  return name.length + value.length + 32;
}
