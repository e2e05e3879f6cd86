import { printableLine } from '@pegasus-workflows/contracts/agents';

/** What an error's message must not repeat, whoever says it. */
export interface Discretion {
  /** Keys and the like: not even a part of one. */
  secrets: readonly string[];
  /** Prompts and answers: no longer run of one. */
  texts: readonly string[];
}

const LONGEST = 200;
/** Fewer characters of a key give nothing away. */
const SECRET_RUN = 8;
/** Shorter runs are words that any two texts share. */
const TEXT_RUN = 24;

/**
 * What somebody else said, as a part of a message of ours: one short printable line, in quotes, or nothing at all where
 * it repeats what is not to be repeated. Servers like to quote the key that they refuse, and the prompt.
 */
export function quoted(text: string, { secrets, texts }: Discretion): string {
  const line = printableLine(text).slice(0, LONGEST).trim();
  const isIndiscreet =
    secrets.some((secret) => sharesRun(line, secret, SECRET_RUN)) ||
    texts.some((told) => sharesRun(line, told, TEXT_RUN));
  return line === '' || isIndiscreet ? '' : JSON.stringify(line);
}

/** Whether a line has so many characters in a row of a text, or all of it where it is shorter. */
function sharesRun(line: string, text: string, run: number): boolean {
  const length = Math.min(run, text.length);
  if (length === 0) return false;
  for (let at = 0; at + length <= line.length; at++)
    if (text.includes(line.slice(at, at + length))) return true;
  return false;
}
