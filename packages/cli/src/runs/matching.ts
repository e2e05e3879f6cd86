import { type BatchFilter } from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { nearest } from '@pegasus-workflows/contracts/nearest';
import { readInstant, readStatuses } from './filters.js';

const FIELDS = ['status', 'since', 'until'] as const;
type Field = (typeof FIELDS)[number];

/**
 * `status=FAILED,TIMED_OUT,since=2h`: what runs have to be. A part without a name goes on with the values of the one
 * before it. `all` fits every run that the operation is possible for.
 * @throws PegasusError VALIDATION_ERROR
 */
export function readMatching(text: string): BatchFilter {
  const values: Partial<Record<Field, string>> = {};
  let current: Field | undefined;
  for (const part of text.trim() === 'all' ? [] : text.split(',')) {
    const [, name, rest = part] = /^\s*([a-z]+)\s*=(.*)$/i.exec(part) ?? [];
    if (name !== undefined) {
      current = fieldOf(name);
      if (values[current] !== undefined) throw refusal(`--matching names ${current} twice.`);
      values[current] = rest.trim();
    } else if (current === 'status') values.status = `${values.status},${rest.trim()}`;
    else throw refusal(`--matching: "${part.trim()}" has no name.`);
  }
  const { status, since, until } = values;
  return {
    ...(status === undefined ? {} : { status: readStatuses(status) }),
    ...(since === undefined ? {} : { since: readInstant('since', since) }),
    ...(until === undefined ? {} : { until: readInstant('until', until) }),
  };
}

function fieldOf(name: string): Field {
  const found = FIELDS.find((field) => field === name);
  if (found) return found;
  const guess = nearest(name, FIELDS);
  throw new PegasusError('VALIDATION_ERROR', `--matching: there is no ${name}.`, {
    hint: guess ? `Did you mean ${guess}?` : HINT,
  });
}

const HINT = 'Write it as status=FAILED,TIMED_OUT,since=2h, with status, since and until; or all.';

function refusal(sentence: string): PegasusError {
  return new PegasusError('VALIDATION_ERROR', sentence, { hint: HINT });
}
