import path from 'node:path';

/** The text of a file below the project, named with `/`; undefined when there is no such file. */
export type ReadSource = (file: string) => string | undefined;

/** Whether a specifier is a path and not a package, a builtin or an alias. */
export function isRelative(specifier: string): boolean {
  return /^\.\.?(\/|$)/.test(specifier);
}

/**
 * The file a relative import names, by the rules of Temporal's workflow bundler: `.ts` before `.js`, and a written
 * `.js` may stand for a `.ts`. Undefined when nothing is there.
 */
export function resolveRelative(from: string, specifier: string, read: ReadSource): string | undefined {
  const target = path.posix.join(path.posix.dirname(from), specifier);
  const typescript = target.endsWith('.js') ? [`${target.slice(0, -3)}.ts`] : [];
  const extended = ['.ts', '.js', '/index.ts', '/index.js'].map((extension) => target + extension);
  return [...typescript, target, ...extended].find((candidate) => read(candidate) !== undefined);
}
