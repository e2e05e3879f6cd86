import { z } from 'zod';

/** Most segments of a dotted path. */
const SEGMENTS_MAX = 20;

/** A dotted path in a payload: own keys, and places in lists as numbers: `data.items.0.id`. */
export const payloadPathSchema = z
  .string()
  .min(1)
  .max(256)
  .refine((path) => {
    const segments = path.split('.');
    return segments.length <= SEGMENTS_MAX && segments.every((segment) => /^[^\s.{}]+$/.test(segment));
  }, 'must be a dotted path, such as data.items.0.id');

/** The value at a dotted path, by own keys alone; `undefined` when there is none. Never throws. */
export function valueAt(payload: unknown, path: string): unknown {
  let value = payload;
  for (const segment of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) return undefined;
    value = (value as Record<string, unknown>)[segment];
  }
  return value;
}

/** What may stand in a header's value: printable ASCII, so that no line can be broken out of. */
export function isPlainText(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}
