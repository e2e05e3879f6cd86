import { type Problem } from '../parse.js';

/** What would have made a failing case pass: a value in the place of another. */
export interface Change {
  /** A JSON pointer into the configuration. */
  where: string;
  /** Absent: there is nothing now. */
  from?: unknown;
  to: unknown;
}

export interface CaseFailure {
  name: string;
  /** `structural`: the record, or what is made of it, has another form. `behavioral`: other rules are broken. */
  reason: 'structural' | 'behavioral';
  detail: string;
  expected: unknown;
  actual: unknown;
  /** The smallest change that was found with which the case passes; tried, not guessed. */
  change: Change[];
}

/** What the gate says of a configuration. `ok`: it may be published. */
export interface GateReport {
  ok: boolean;
  problems: Problem[];
  corpus: { total: number; passed: number; failures: CaseFailure[] };
}

/** Failures that are told with all that belongs to them. */
export const FAILURES_TOLD = 100;
