/** What a rule says of a call. `ask`: a person decides. */
export const VERDICTS = ['deny', 'ask', 'allow'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** A verdict and the rule it comes from. */
export interface Ruling {
  verdict: Verdict;
  /** Stable: `mode:plan`, `tier:prompt_only`, `path:denied`. */
  rule: string;
}

/** The strictest; of equally strict ones the first. `undefined` for none. */
export function strictest<T extends { verdict: Verdict }>(rulings: Iterable<T>): T | undefined {
  let found: T | undefined;
  for (const ruling of rulings) {
    if (!found || VERDICTS.indexOf(ruling.verdict) < VERDICTS.indexOf(found.verdict)) found = ruling;
  }
  return found;
}

/** Whether one verdict allows no more than another. */
export function isAtMost(one: Verdict, other: Verdict): boolean {
  return VERDICTS.indexOf(one) <= VERDICTS.indexOf(other);
}
