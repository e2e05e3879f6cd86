import { expect } from 'vitest';

/** What an attempt of the hostile project came to. */
export type Outcome = { saw: unknown } | { refused: string; says: string };

/** The codes that attempts were refused with, by name; what was not refused is in there as it was seen. */
export function refusals(outcomes: Record<string, Outcome>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(outcomes).map(([name, outcome]) => [
      name,
      'refused' in outcome ? outcome.refused : outcome,
    ]),
  );
}

/** Each attempt was refused, with one of these codes where any are named. */
export function expectRefused(outcomes: Record<string, Outcome>, ...codes: string[]): void {
  const found = refusals(outcomes);
  expect(Object.keys(found).length).toBeGreaterThan(0);
  for (const [name, code] of Object.entries(found)) {
    expect([name, typeof code]).toEqual([name, 'string']);
    if (codes.length > 0) expect([name, codes]).toEqual([name, expect.arrayContaining([code])]);
  }
}
