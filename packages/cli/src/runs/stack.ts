/** Frames of a stack trace that are not the author's. */
const FOREIGN_FRAME = /node_modules|node:|webpack|bundler|external\/|<anonymous>|@temporalio\//;

/** The author's frames of the stacks that `__stack_trace` answers with, one blank line between two places. */
export function authorFrames(stacks: string): string[] {
  const places = stacks
    .split(/\n\s*\n/)
    .map((stack) =>
      stack
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '' && !FOREIGN_FRAME.test(line)),
    )
    .filter((lines) => lines.length > 0);
  const each = new Map(places.map((lines) => [lines.join('\n'), lines]));
  return [...each.values()].flatMap((lines, index) => (index === 0 ? lines : ['', ...lines]));
}
