/**
 * Takes personal data out of a record, so that it can be an example: names, addresses, numbers of telephones, accounts
 * and cards, dates of birth become made-up ones of the same form. What is alike stays alike, so that rules that compare
 * still do; whatever else a record has stays as it is.
 *
 * Told by the name of a field or by the form of a value; a name in a field called `note` is not found: look before you commit.
 */
export interface Masked {
  record: unknown;
  /** Dotted paths of what was changed. */
  masked: string[];
}

interface Kind {
  /** Fields that hold it, by name. */
  field: RegExp;
  /** Values that are it, wherever they stand. */
  value?: RegExp;
  make(original: string, at: number): string;
}

const sameShape = (original: string, at: number): string =>
  [...original]
    .map((character, index) => (/\d/.test(character) ? String((at * 7 + index * 3 + 1) % 10) : character))
    .join('');

/** The first that fits is taken. */
const KINDS: readonly Kind[] = [
  {
    field: /^e?-?mail(_?address)?$/i,
    value: /^[^\s@]+@[^\s@]+\.[a-z]{2,}$/i,
    make: (_, at) => `person-${at}@example.com`,
  },
  { field: /^(iban|account_?(no|number))$/i, value: /^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/, make: sameShape },
  { field: /^(card|pan|card_?(no|number))$/i, value: /^\d(?:[ -]?\d){12,18}$/, make: sameShape },
  {
    field: /^(phone|mobile|tele(phone|fax)?|fax|cell)(_?(no|number))?$/i,
    value: /^\+\d[\d ()/-]{6,}$/,
    make: sameShape,
  },
  {
    field: /^(birth_?(date|day)|date_?of_?birth|dob)$/i,
    make: (original) => (/^\d{4}-\d{2}-\d{2}/.test(original) ? '1990-01-01' : sameShape(original, 1)),
  },
  { field: /^(tax_?(id|no|number)|vat_?(id|no|number)?|ssn|passport(_?(no|number))?)$/i, make: sameShape },
  { field: /^(first|given|fore)_?name$/i, make: (_, at) => `Given${at}` },
  { field: /^(last|family|sur)_?name$/i, make: (_, at) => `Family${at}` },
  { field: /^(full_?name|contact(_?name)?|customer_?name|name)$/i, make: (_, at) => `Person ${at}` },
  {
    field: /^(street|street_?address|address(_?line)?_?\d?|addr\d?)$/i,
    make: (_, at) => `${at} Example Street`,
  },
  { field: /^(zip|zip_?code|postal_?code|postcode)$/i, make: sameShape },
  { field: /^(ip|ip_?address)$/i, value: /^(\d{1,3}\.){3}\d{1,3}$/, make: (_, at) => `192.0.2.${at % 250}` },
];

export function maskRecord(record: unknown): Masked {
  const masked: string[] = [];
  const known = new Map<string, string>();
  const replace = (kind: Kind, original: string): string => {
    const key = `${KINDS.indexOf(kind)} ${original}`;
    let made = known.get(key);
    if (made === undefined) known.set(key, (made = kind.make(original, known.size + 1)));
    return made;
  };
  const visit = (value: unknown, path: readonly string[]): unknown => {
    if (Array.isArray(value)) return value.map((one, at) => visit(one, [...path, String(at)]));
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, visit(one, [...path, key])]));
    }
    if ((typeof value !== 'string' && typeof value !== 'number') || value === '') return value;
    const text = String(value);
    const field = path.findLast((name) => !/^\d+$/.test(name)) ?? '';
    const kind = KINDS.find(
      (one) => one.field.test(field) || (typeof value === 'string' && one.value?.test(text)),
    );
    if (!kind) return value;
    masked.push(path.join('.'));
    const made = replace(kind, text);
    return typeof value === 'number' && /^\d+$/.test(made) ? Number(made) : made;
  };
  return { record: visit(record, []), masked };
}
