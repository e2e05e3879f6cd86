import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { Option } from 'commander';

/** Arguments and options that several commands under `executions` have. */

export const EXECUTION = ['<execution>', 'id of the run, or latest'] as const;
export const EXECUTION_OR_MATCHING = ['[execution]', 'id of the run, or latest; or --matching'] as const;

/** An option that can be given several times: its values in order. */
export const several = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];

export const matching = (): Option =>
  new Option('--matching <filter>', 'every run that fits, such as status=FAILED,since=2h; or all');
export const yes = (): Option => new Option('-y, --yes', 'do not ask');

/** The filter, when that is what was given. @throws PegasusError VALIDATION_ERROR unless it is the one or the other */
export function matchingOf(
  execution: string | undefined,
  { matching: filter }: { matching?: string },
): string | undefined {
  if ((execution === undefined) !== (filter === undefined)) return filter;
  throw new PegasusError(
    'VALIDATION_ERROR',
    execution === undefined ? 'Which run is not said.' : 'A run and --matching cannot be given together.',
    { hint: 'Give the id of a run, latest, or --matching with what the runs have to be.' },
  );
}
