import path from 'node:path';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type Workflow } from '@pegasus-workflows/contracts';
import {
  envFromUrl,
  findDeployment,
  LEDGER_FILE,
  readLedger,
  recordDeployment as writeDeployment,
  type LedgerEntry,
} from '@pegasus-workflows/project/ledger';
import { type Context } from '../context.js';
import { nearest } from '@pegasus-workflows/contracts/nearest';
import { describeError } from '../output/report-error.js';
import { findUpward } from './locate.js';

export interface Published {
  env: string | undefined;
  baseUrl: string;
  workflow: Workflow;
  /** Whether the project has several workflows, which nests the ledger. */
  ofSeveral: boolean;
}

/** Records what was published, beside the manifest. A ledger that cannot be written is a warning and nothing more. */
export async function recordDeployment({ out }: Context, root: string, published: Published): Promise<void> {
  const { workflow, baseUrl } = published;
  try {
    await writeDeployment(root, {
      env: published.env ?? envFromUrl(baseUrl),
      workflow: workflow.name,
      multi: published.ofSeveral,
      baseUrl,
      workflowId: workflow.id,
      version: workflow.version,
      visibility: workflow.visibility,
      publishedAt: workflow.createdAt,
    });
  } catch (error) {
    const { report } = describeError(error);
    const reasons = [report.error, ...(report.problems ?? [])].join(' ');
    out.warn(
      `${workflow.name}@${workflow.version} is published, but ${LEDGER_FILE} was not written: ${reasons}`,
    );
  }
}

/** Where a ledger is looked for, and which of its entries is meant. */
export interface LedgerPlace {
  /** `--env`: the entry to use, whichever others there are. */
  env?: string | undefined;
  /** `-C`: the project. */
  dir?: string | undefined;
}

export interface Wanted extends LedgerPlace {
  name: string;
  version?: string;
  /** Of the platform that is talked to; an entry of another one says nothing about it. */
  baseUrl: string;
}

/**
 * What was pushed from the project one is in, to this platform, under this name and version. Undefined outside a
 * project, and for a ledger that says nothing about it: the API knows all the same. A ledger that cannot be read is a
 * note, unless `--env` asked for it.
 *
 * @throws PegasusError NOT_FOUND for an `--env` that the ledger does not have, VALIDATION_ERROR for one of another platform
 */
export async function pushedFrom(context: Context, wanted: Wanted): Promise<LedgerEntry | undefined> {
  const root = wanted.dir === undefined ? findUpward(context.cwd) : path.resolve(context.cwd, wanted.dir);
  if (root === undefined) {
    if (wanted.env === undefined) return undefined;
    throw new PegasusError('NOT_FOUND', `--env ${wanted.env} needs a project with a ${LEDGER_FILE}.`, {
      hint: 'Go into the project, or name it with -C.',
    });
  }
  const entries = await entriesOf(context, root, wanted);
  const here = entries.filter(({ baseUrl }) => sameUrl(baseUrl, wanted.baseUrl));
  for (const env of new Set(wanted.env === undefined ? here.map((entry) => entry.env) : [wanted.env])) {
    const found = findDeployment(here, { env, workflow: wanted.name });
    if (found && (wanted.version === undefined || found.version === wanted.version)) return found;
  }
  return undefined;
}

async function entriesOf({ out }: Context, root: string, wanted: Wanted): Promise<LedgerEntry[]> {
  let entries: LedgerEntry[];
  try {
    entries = await readLedger(root);
  } catch (error) {
    if (wanted.env !== undefined) throw error;
    const { report } = describeError(error);
    out.note(
      out.noteColors.quiet(`${[report.error, ...(report.problems ?? [])].join(' ')} Asking the platform.`),
    );
    return [];
  }
  if (wanted.env !== undefined) checkEnv(entries, wanted.env, wanted.baseUrl);
  return entries;
}

function checkEnv(entries: readonly LedgerEntry[], env: string, baseUrl: string): void {
  const named = entries.filter((entry) => entry.env === env);
  const [first] = named;
  if (!first) {
    const names = [...new Set(entries.map((entry) => entry.env))];
    const guess = nearest(env, names);
    throw new PegasusError('NOT_FOUND', `${LEDGER_FILE} has no entry "${env}".`, {
      hint: guess
        ? `Did you mean ${guess}?`
        : names.length > 0
          ? `It has: ${names.join(', ')}.`
          : 'Nothing was pushed from here yet: pegasus-workflows push',
    });
  }
  if (named.some((entry) => sameUrl(entry.baseUrl, baseUrl))) return;
  throw new PegasusError(
    'VALIDATION_ERROR',
    `The entry "${env}" of ${LEDGER_FILE} is of ${first.baseUrl}, and this command talks to ${baseUrl}.`,
    { hint: `Use the profile of that platform (--profile), or --base-url ${first.baseUrl}.` },
  );
}

/** A ledger edited by hand may end a URL with a slash. */
function sameUrl(a: string, b: string): boolean {
  return a.replace(/\/+$/, '') === b.replace(/\/+$/, '');
}
