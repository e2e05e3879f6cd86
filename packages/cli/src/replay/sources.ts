import { existsSync } from 'node:fs';
import path from 'node:path';
import { type ExecutionStatus, type Workflow } from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { readHistory, readHistoryFile, type RecordedHistory } from '@pegasus-workflows/project/replay';
import { isPegasusApiError, type PegasusClient } from 'pegasus-workflows-sdk/client';
import { mapLimited } from '../concurrency.js';
import { type FoundExecution } from '../runs/find.js';

/** Where histories come from. */
export type Source =
  { kind: 'file'; file: string } | { kind: 'execution'; id: string } | { kind: 'latest'; count: number };

/** How many runs of each version are replayed when nothing is said. */
export const DEFAULT_LATEST = 5;
const MOST = 50;
/** Of older versions only the open runs are replayed: a project that published for years has hundreds. */
const VERSIONS = 20;
const PARALLEL = 6;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * Reads the values of `--from`: files, ids of runs, `latest`, `latest:10`, and `latest 10` as two words.
 * @throws PegasusError VALIDATION_ERROR, NOT_FOUND for a file that is not there
 */
export function readSources(given: readonly string[], cwd: string): Source[] {
  const sources: Source[] = [];
  for (let index = 0; index < given.length; index++) {
    const text = given[index] ?? '';
    const [, colon] = /^latest(?:[: ](.*))?$/.exec(text) ?? [];
    if (text === 'latest' && /^\d+$/.test(given[index + 1] ?? ''))
      sources.push({ kind: 'latest', count: readCount(given[++index] ?? '') });
    else if (text === 'latest') sources.push({ kind: 'latest', count: DEFAULT_LATEST });
    else if (colon !== undefined) sources.push({ kind: 'latest', count: readCount(colon) });
    else if (UUID.test(text)) sources.push({ kind: 'execution', id: text.toLowerCase() });
    else sources.push({ kind: 'file', file: existing(path.resolve(cwd, text), text) });
  }
  return sources;
}

/** How many runs of each version. @throws PegasusError VALIDATION_ERROR */
export function readCount(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= MOST) return count;
  throw new PegasusError(
    'VALIDATION_ERROR',
    `"latest" takes a whole number from 1 to ${MOST}, not "${text}".`,
    {
      hint: 'Such as latest:10.',
    },
  );
}

function existing(file: string, text: string): string {
  if (existsSync(file)) return file;
  throw new PegasusError('NOT_FOUND', `--from: there is no file ${text}, and it is not the id of a run.`, {
    hint: 'Give a file, the id of a run, or latest:N; name the workflow before --from.',
  });
}

/** One history to replay. It is fetched when its turn comes: a history may be large, and there may be many. */
export interface Candidate {
  /** Id of the run, or the file as it was given. */
  source: string;
  version: string | undefined;
  status: ExecutionStatus | undefined;
  /** @throws HistoryGone when it cannot be had any more */
  load(): Promise<RecordedHistory>;
}

/** Temporal keeps the history of an ended run for a time; this one is gone, or never was. */
export class HistoryGone extends Error {}

/** A file's history; read at once, so that a wrong file is told before anything else is done. */
export async function fromFile(file: string, cwd: string): Promise<Candidate> {
  const recorded = await readHistoryFile(file);
  return {
    source: path.relative(cwd, file),
    version: recorded.version,
    status: undefined,
    load: () => Promise.resolve(recorded),
  };
}

/** A run of the platform. */
export function fromExecution(client: PegasusClient, { workflow, execution }: FoundExecution): Candidate {
  return {
    source: execution.id,
    version: workflow.version,
    status: execution.status,
    load: async () => {
      try {
        return readHistory(await client.executions.exportHistory(workflow.id, execution.id), execution.id);
      } catch (error) {
        if (isPegasusApiError(error) && [404, 409].includes(error.status))
          throw new HistoryGone(error.message, { cause: error });
        throw error;
      }
    },
  };
}

/** The newest runs of each version, open ones first: those are what a change that does not fit would break. */
export async function latestRuns(
  client: PegasusClient,
  versions: readonly Workflow[],
  count: number,
): Promise<FoundExecution[]> {
  const found = await mapLimited([...versions.entries()], PARALLEL, async ([index, workflow]) => {
    const open = await client.executions.list(workflow.id, { limit: count, status: ['RUNNING'] });
    const missing = index < VERSIONS ? count - open.length : 0;
    const ids = new Set(open.map(({ id }) => id));
    const newest = missing > 0 ? await client.executions.list(workflow.id, { limit: count }) : [];
    const others = newest.filter(({ id, status }) => !ids.has(id) && status !== 'QUEUED');
    return [...open, ...others.slice(0, missing)].map((execution) => ({ workflow, execution }));
  });
  const all = found.flat();
  const isOpen = ({ execution }: FoundExecution): boolean => execution.status === 'RUNNING';
  return [...all.filter(isOpen), ...all.filter((one) => !isOpen(one))];
}
