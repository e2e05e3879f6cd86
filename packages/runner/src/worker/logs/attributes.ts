import { LIMITS } from '@pegasus-workflows/contracts';

const DEPTH = 6;
const VALUES = 1_000;
const CAUSES = 4;

/**
 * What an author gave beside a message, as JSON that can always be written: errors become their stacks, what refers to
 * itself or lies too deep is left out. `isCut` tells that keys were left out because all of it is too long.
 */
export function attributesOf(given: Record<string, unknown>): {
  attributes: Record<string, unknown> | undefined;
  isCut: boolean;
} {
  const budget = { values: VALUES };
  const kept: [string, unknown][] = [];
  let room: number = LIMITS.logAttributesCharacters;
  let isCut = false;
  for (const [key, value] of Object.entries(given)) {
    const json = plain(value, budget, new Set());
    if (json === undefined) continue;
    const length = JSON.stringify(json).length + JSON.stringify(key).length + 2;
    if (length > room) {
      isCut = true;
      continue;
    }
    room -= length;
    kept.push([key, json]);
  }
  return { attributes: kept.length > 0 ? Object.fromEntries(kept) : undefined, isCut };
}

/** An error as Node prints it, with its causes. */
export function stackOf(error: Error): string {
  const stacks: string[] = [];
  for (let at: unknown = error; at instanceof Error && stacks.length <= CAUSES; at = at.cause)
    stacks.push(at.stack ?? `${at.name}: ${at.message}`);
  return stacks.join('\ncaused by ');
}

function plain(value: unknown, budget: { values: number }, above: Set<object>): unknown {
  if (budget.values-- <= 0) return undefined;
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return String(value);
    case 'object':
      if (value === null) return null;
      return above.has(value) || above.size >= DEPTH ? '[left out]' : fromObject(value, budget, above);
    case 'function':
    case 'symbol':
    case 'undefined':
      return undefined;
  }
}

function fromObject(value: object, budget: { values: number }, above: Set<object>): unknown {
  // Getters and proxies are tenant code.
  try {
    if (value instanceof Error) return stackOf(value);
    if (value instanceof Date) return value.toISOString();
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    const within = new Set(above).add(value);
    if (Array.isArray(value))
      return value.slice(0, budget.values).map((one) => plain(one, budget, within) ?? null);
    const entries = value instanceof Map ? [...value] : Object.entries(value);
    return Object.fromEntries(
      entries
        .slice(0, Math.max(0, budget.values))
        .map(([key, held]) => [String(key), plain(held, budget, within)]),
    );
  } catch {
    return '[unreadable]';
  }
}
