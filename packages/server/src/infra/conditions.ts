import { PegasusError } from '@pegasus-workflows/contracts';

/** What a caller says of the version that its call is about: `If-Match` and `If-None-Match`. Pure. */
export interface Condition {
  ifMatch: VersionSet | null;
  ifNoneMatch: VersionSet | null;
}

/** Versions, or `*` for any at all. Tags that are none of ours are in no set: they match nothing. */
type VersionSet = '*' | ReadonlySet<string>;

const TAG = /^\s*(?<weak>W\/)?"(?<tag>[\x21\x23-\x7e\x80-\xff]*)"\s*$/;

/** The `ETag` of a version. */
export function etagOf(version: number): string {
  return `"${version}"`;
}

/** Throws VALIDATION_ERROR for a header that is neither `*` nor a list of tags. */
export function parseCondition(header: (name: string) => string | undefined): Condition {
  return {
    // A change needs a strong match, so a weak tag never matches; a read is content with a weak one.
    ifMatch: versionsOf('If-Match', header('if-match'), false),
    ifNoneMatch: versionsOf('If-None-Match', header('if-none-match'), true),
  };
}

/** Whether a call with this condition may go on; `version` undefined: there is none. */
export function holds({ ifMatch, ifNoneMatch }: Condition, version: number | undefined): boolean {
  return (
    (ifMatch === null || isIn(ifMatch, version)) && (ifNoneMatch === null || !isIn(ifNoneMatch, version))
  );
}

function isIn(versions: VersionSet, version: number | undefined): boolean {
  if (version === undefined) return false;
  return versions === '*' || versions.has(String(version));
}

function versionsOf(name: string, text: string | undefined, acceptWeak: boolean): VersionSet | null {
  if (text === undefined) return null;
  if (text.trim() === '*') return '*';
  const versions = new Set<string>();
  // No tag of ours has a comma, so cutting through a stranger's does no harm but to that stranger.
  for (const part of text.split(',')) {
    const { weak, tag } = TAG.exec(part)?.groups ?? {};
    if (tag === undefined) {
      throw new PegasusError(
        'VALIDATION_ERROR',
        `${name}: must be * or a version in double quotes, such as "3", as the ETag of an answer has it.`,
      );
    }
    if (weak === undefined || acceptWeak) versions.add(tag);
  }
  return versions;
}
