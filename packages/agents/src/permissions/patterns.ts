import { PegasusError } from '@pegasus-workflows/contracts';
import picomatch from 'picomatch';

/**
 * Patterns of paths: `src` is that path and all below it, `src/*.ts` each path that matches and all below it. What a
 * pattern says is relative to the workspace's root.
 */
const LONGEST = 1_024;
const OPTIONS = { dot: true, noextglob: true, nonegate: true, posixSlashes: false } as const;

/** How names are made alike before they are compared: see `paths/traits.ts`. */
export type Fold = (name: string) => string;

/** The form in which a ceiling carries a pattern. Throws VALIDATION_ERROR with a sentence that names the field. */
export function normalPattern(pattern: string, field: string): string {
  const refuse = (why: string): never => {
    throw new PegasusError('VALIDATION_ERROR', `${field}: ${JSON.stringify(pattern.slice(0, 100))} ${why}.`);
  };
  if (pattern === '') refuse('is empty; "." is all of the workspace');
  if (pattern.length > LONGEST) refuse(`has more than ${LONGEST} characters`);
  if (/\p{Cc}/u.test(pattern)) refuse('has control characters');
  if (pattern.startsWith('!')) refuse('begins with "!"; use the other list for what is not meant');
  if (pattern.startsWith('/') || pattern.startsWith('~') || /^[A-Za-z]:[\\/]/.test(pattern))
    refuse('is not relative to the workspace');
  const parts = pattern.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) refuse('has "..": it must stay in the workspace');
  return parts.join('/');
}

/** Some patterns, compiled: which paths they cover. */
export interface PathSet {
  /** Whether a path, or one above it, matches; then all below it is covered as well. */
  covers(path: string): boolean;
  /** Whether anything below a path may be covered. */
  mayReach(path: string): boolean;
}

export function pathSet(patterns: readonly string[], fold: Fold): PathSet {
  const compiled = patterns.map((pattern) => compile(fold(pattern)));
  const some = (test: (one: Compiled, path: string) => boolean) => (path: string) => {
    const folded = fold(path);
    return compiled.some((one) => test(one, folded));
  };
  return {
    covers: some(({ matches }, path) => withAncestors(path).some(matches)),
    mayReach: some(
      ({ matches, base }, path) =>
        withAncestors(path).some(matches) || isWithin(base, path) || isWithin(path, base),
    ),
  };
}

interface Compiled {
  matches: (path: string) => boolean;
  /** The part before the first wildcard: whatever matches is below it. */
  base: string;
}

function compile(pattern: string): Compiled {
  const { base, isGlob } = picomatch.scan(pattern, OPTIONS);
  if (!isGlob) return { matches: (path) => path === pattern, base: pattern };
  const matches = picomatch(pattern, OPTIONS);
  return { matches: (path) => path !== '' && matches(path), base };
}

/** A path and those above it, without the root unless it is the root that is meant. */
function withAncestors(path: string): string[] {
  const parts = path === '' ? [] : path.split('/');
  return ['', ...parts.map((_, at) => parts.slice(0, at + 1).join('/'))];
}

function isWithin(path: string, folder: string): boolean {
  return folder === '' || path === folder || path.startsWith(`${folder}/`);
}
