/** Numbers of any record that the engine is given. */
export const RECORD_LIMITS = {
  /** Nesting of objects and lists. */
  depth: 64,
  /** Values, counted at every level. */
  values: 200_000,
  /** Fields that one mapping fills, counted for each element of each list. */
  steps: 500_000,
  /** Issues that one record is told. */
  issues: 1_000,
} as const;

/**
 * Why a value is not one the engine works on, or `undefined`. It never looks further than the bounds: a megabyte of
 * brackets, or an object that holds itself, ends here.
 */
export function excessOf(
  value: unknown,
  { depth, values }: { depth: number; values: number } = RECORD_LIMITS,
): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const left = spend(value, depth, values - 1);
  if (left >= 0) return undefined;
  return left === TOO_DEEP ? `nests deeper than ${depth} levels` : `has more than ${values} values`;
}

const TOO_DEEP = Number.NEGATIVE_INFINITY;

/** How many of `left` values are left after all within one; negative when there were more. */
function spend(value: object, depth: number, left: number): number {
  if (depth === 0) return TOO_DEEP;
  let rest = left;
  if (Array.isArray(value)) {
    rest -= value.length;
    for (let at = 0; at < value.length && rest >= 0; at += 1) {
      const child: unknown = value[at];
      if (typeof child === 'object' && child !== null) rest = spend(child, depth - 1, rest);
    }
    return rest;
  }
  for (const key in value) {
    rest -= 1;
    if (rest < 0) return rest;
    const child = (value as Record<string, unknown>)[key];
    if (typeof child === 'object' && child !== null) rest = spend(child, depth - 1, rest);
  }
  return rest;
}
