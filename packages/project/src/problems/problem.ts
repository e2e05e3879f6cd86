import { PegasusError } from '@pegasus-workflows/contracts';

/** One thing that is wrong in an author's project. Lines and columns count from 1; `file` is relative to the project. */
export interface Problem {
  file: string;
  line?: number;
  column?: number;
  /** What is wrong, naming the field or the construct. */
  message: string;
  /** What to do about it, an imperative. */
  fix: string;
}

/** `file:line:column message — fix`, leaving out the position parts that are not known. */
export function formatProblem({ file, line, column, message, fix }: Problem): string {
  const position = [file, line, line === undefined ? undefined : column].filter((part) => part !== undefined);
  return `${position.join(':')} ${message} — ${fix}`;
}

/**
 * A project that cannot be loaded or packaged. `details` holds every problem found, in the order of files and lines;
 * `problems` is the same list as text, the shape every PegasusError has.
 */
export class ProjectError extends PegasusError {
  override readonly problems: string[];
  readonly details: readonly Problem[];

  constructor(problems: readonly Problem[], options: { cause?: unknown } = {}) {
    const sorted = sortProblems(problems);
    const lines = sorted.map(formatProblem);
    super('VALIDATION_ERROR', headline(sorted), { ...options, problems: lines });
    this.name = 'ProjectError';
    this.problems = lines;
    this.details = sorted;
  }
}

function headline(problems: readonly Problem[]): string {
  const files = [...new Set(problems.map((problem) => problem.file))];
  const count = problems.length === 1 ? 'One problem' : `${problems.length} problems`;
  return `${count} in ${files.length === 1 ? files[0] : `${files.length} files`} must be fixed first.`;
}

/** By file, then line, then column; problems without a position come first in their file. Drops exact repeats. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  const unique = new Map(problems.map((problem) => [formatProblem(problem), problem]));
  return [...unique.values()].sort(
    (a, b) =>
      compareText(a.file, b.file) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
  );
}

/** Order by code units: the same on every machine, whatever its locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
