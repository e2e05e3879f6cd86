/** Words that a sentence needs and a name leaves out. */
const FILLERS = new Set(
  'a an the to of for with in on at by from into its their his her our your this that these those and is are be it us'.split(
    ' ',
  ),
);
/** Words by which a label says what a step is, beside its name. */
const KIND_WORDS = new Set(
  'activity step signal signals event wait waits waiting until receive receives received child workflow run start starts call calls'.split(
    ' ',
  ),
);

/** The words of a name or a label, in lower case: `sendReminder`, `send-reminder` and "Send reminder" have the same. */
export function wordsOf(text: string): string[] {
  return text
    .normalize('NFC')
    .replace(/['’]/g, '')
    .replace(/(\p{Ll}|\p{N})(\p{Lu})/gu, '$1 $2')
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
}

/** Keys of a name: a label that has one of them names the same step. A name of one word is compared as it is. */
export function nameKeys(name: string): string[] {
  const all = wordsOf(name);
  const meant = all.filter((word) => !FILLERS.has(word));
  return keys(meant.length > 1 ? [all, meant] : [all]);
}

/** Keys of a label: all its words, without fillers, and without the words that only say what kind of step it is. */
export function labelKeys(label: string): string[] {
  const all = wordsOf(label);
  const meant = all.filter((word) => !FILLERS.has(word));
  return keys([all, meant, meant.filter((word) => !KIND_WORDS.has(word))]);
}

function keys(variants: string[][]): string[] {
  return [...new Set(variants.filter((words) => words.length > 0).map((words) => words.join(' ')))];
}

/** `sendReminder`: a lower-case beginning and a capital inside, as code writes names and prose does not. */
export function isCamelCase(text: string): boolean {
  return /^[a-z][a-z0-9]*[A-Z][A-Za-z0-9]*$/.test(text);
}

/** A label as a reader sees it: line breaks, tags, Markdown and entities resolved. */
export function visibleText(label: string): string {
  return label
    .replace(/<br\s{0,9}\/?>/gi, '\n')
    .replace(/<\/?[a-z][^<>]{0,300}>/gi, '')
    .replace(/\\n/g, '\n')
    .replace(/[`*]/g, '')
    .replace(/&(#?[a-z0-9]{1,10});/gi, entity)
    .trim();
}

const ENTITIES: Record<string, string> = {
  quot: '"',
  amp: '&',
  lt: '<',
  gt: '>',
  apos: "'",
  nbsp: ' ',
};

function entity(written: string, name: string): string {
  const digits = /^#?(\d{1,7})$/.exec(name)?.[1];
  if (digits !== undefined && Number(digits) <= 0x10ffff) return String.fromCodePoint(Number(digits));
  return ENTITIES[name.replace('#', '').toLowerCase()] ?? written;
}
