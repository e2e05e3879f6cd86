import { type Output } from './output.js';

const WIDTH = 14;

/** One thing in full: its name, then what is known of it, a line each. What is null, undefined or empty is left out. */
export function printFacts(
  out: Output,
  title: string,
  facts: readonly (readonly [name: string, value: string | null | undefined])[],
): void {
  out.line(out.colors.strong(title));
  for (const [name, value] of facts)
    if (value)
      out.line(`${out.colors.quiet(name.padEnd(WIDTH))}${value.replaceAll('\n', `\n${' '.repeat(WIDTH)}`)}`);
}
