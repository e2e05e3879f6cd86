/**
 * Tokens of a call's input before it is made, never too few: a token of any vocabulary in use stands for at least one
 * byte, and each message is wrapped in a few more.
 */
const WRAPPING = 16;
/** A workflow has no `Buffer`. */
const encoder = new TextEncoder();

/** What one message may count at most. */
export function mostTokens(text: string): number {
  return encoder.encode(text).byteLength + WRAPPING;
}

/**
 * The next call's input: what the provider counted for the last one, in and out, and what has been added since. Only
 * what was added is guessed, so that the guess stays near.
 */
export function nextInput(
  counted: { in: number; out: number } | undefined,
  added: readonly string[],
): number {
  const known = counted ? counted.in + counted.out : 0;
  return added.reduce((sum, text) => sum + mostTokens(text), known);
}
