import { createTwoFilesPatch } from 'diff';

/** What differs between two sets of files, as `diff -u` writes it; empty when nothing does. */
export function diffOf(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
  labels: { before: string; after: string },
): string {
  const names = [...new Set([...before.keys(), ...after.keys()])];
  return names
    .filter((name) => before.get(name) !== after.get(name))
    .map((name) => {
      const [old, now] = [before.get(name) ?? '', after.get(name) ?? ''];
      const patch = createTwoFilesPatch(name, name, old, now, labels.before, labels.after);
      return patch.slice(patch.indexOf('--- '));
    })
    .join('');
}
