/** What a completion script calls; not a command, so that it costs no more than it must. */
export const COMPLETE = '__complete';
