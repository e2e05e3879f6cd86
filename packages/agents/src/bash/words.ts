import { type Word, type WordPart } from 'unbash';

/** What is known of a word before the shell has expanded it. */
export type Known =
  | { type: 'literal'; value: string }
  /** A pattern: the folder that its first part names, below which all may be meant. */
  | { type: 'glob'; folder: string; /** A name that matches may look like an option. */ bare: boolean }
  /** Variables, outputs of commands, braces: anything. */
  | { type: 'unknown' };

const UNKNOWN: Known = { type: 'unknown' };

/** A word's value, as far as it does not depend on what only the shell knows. */
export function knownOf(word: Word): Known {
  // Somebody's home; no path of the workspace begins with it.
  if (word.text.startsWith('~')) return UNKNOWN;
  const parts = word.parts ?? [];
  if (parts.length === 0) return { type: 'literal', value: word.value };
  let text = '';
  let globAt: number | undefined;
  for (const part of parts) {
    const value = valueOf(part);
    if (value === undefined) return UNKNOWN;
    if (part.type === 'Glob') globAt ??= text.length;
    text += value;
  }
  if (globAt === undefined) return { type: 'literal', value: text };
  // What matches may lead anywhere from there.
  if (text.slice(globAt).split('/').includes('..')) return UNKNOWN;
  const before = text.slice(0, globAt);
  const folder = before.includes('/') ? before.slice(0, before.lastIndexOf('/') + 1) : '.';
  return { type: 'glob', folder, bare: before === '' || before.startsWith('-') };
}

function valueOf(part: WordPart): string | undefined {
  switch (part.type) {
    case 'Literal':
    case 'SingleQuoted':
    case 'AnsiCQuoted':
      return part.value;
    case 'Glob':
      return part.kind === 'bracket' ? undefined : part.value;
    case 'DoubleQuoted':
    case 'LocaleString': {
      const values = part.parts.map((child) => (child.type === 'Literal' ? child.value : undefined));
      return values.includes(undefined) ? undefined : values.join('');
    }
    case 'SimpleExpansion':
    case 'ParameterExpansion':
    case 'CommandExpansion':
    case 'ArithmeticExpansion':
    case 'ProcessSubstitution':
    case 'ExtendedGlob':
    case 'BraceExpansion':
      return undefined;
  }
}

/** A literal's value; `undefined` for all else. */
export function literalOf(word: Word | undefined): string | undefined {
  const known = word && knownOf(word);
  return known?.type === 'literal' ? known.value : undefined;
}
