/** What a command ends with. Errors of the platform get theirs from `ERROR_TABLE`, whose `exitCode`s are these. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  auth: 3,
  notFound: 4,
  conflict: 5,
  unreachable: 6,
  interrupted: 130,
} as const;

/** The table that the help topic prints and the documentation carries: one row per code, in words for its reader. */
export const EXIT_CODES: readonly { code: number; means: string }[] = [
  { code: EXIT.done, means: 'done; with --wait, --follow or watch: the run COMPLETED, the dispatch shipped' },
  { code: EXIT.failed, means: 'failed; a run that ended in another status, a dispatch that did not ship' },
  { code: EXIT.usage, means: 'wrong usage or invalid input, a project or file that must be mended' },
  { code: EXIT.auth, means: 'no key, a wrong key, or one without the permission' },
  { code: EXIT.notFound, means: 'not found' },
  {
    code: EXIT.conflict,
    means: 'conflict: a version that is published already, a run that cannot be cancelled',
  },
  {
    code: EXIT.unreachable,
    means: 'unreachable, or not available for the moment; not ended within --timeout',
  },
  { code: EXIT.interrupted, means: 'Ctrl-C; a run or dispatch that was waited for goes on' },
];

/** The table as text. */
export function exitCodeLines(): string[] {
  return EXIT_CODES.map(({ code, means }) => `${String(code).padStart(3)}  ${means}`);
}
