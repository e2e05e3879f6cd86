import { type Execution, type ExecutionStatus, type Workflow } from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { isPegasusApiError, type PegasusClient } from 'pegasus-workflows-sdk/client';
import { mapLimited } from '../concurrency.js';

export interface FoundExecution {
  workflow: Workflow;
  execution: Execution;
}

/** The API asks per version: this many calls are under way at once. */
const PARALLEL = 6;
/** Stands for the id of the newest run. */
export const LATEST = 'latest';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * A run of one of these versions, whichever it is; `latest` is the newest of them all.
 * @throws PegasusError NOT_FOUND, VALIDATION_ERROR for what cannot be an id
 */
export async function findExecution(
  client: PegasusClient,
  versions: readonly Workflow[],
  id: string,
): Promise<FoundExecution> {
  const name = versions[0]?.name ?? '';
  if (id === LATEST) {
    const [newest] = await listExecutions(client, versions, { limit: 1 });
    if (newest) return newest;
    throw new PegasusError('NOT_FOUND', `Workflow "${name}" has no runs yet.`, {
      hint: `Start one: pegasus-workflows run ${name} --follow`,
    });
  }
  const hint = `List its runs: pegasus-workflows executions list ${name}`;
  if (!UUID.test(id))
    throw new PegasusError(
      'VALIDATION_ERROR',
      `"${id}" is not the id of a run: give a whole id, or latest.`,
      {
        hint,
      },
    );
  const found = await mapLimited(versions, PARALLEL, async (workflow) => {
    try {
      return { workflow, execution: await client.executions.get(workflow.id, id) };
    } catch (error) {
      if (isPegasusApiError(error) && error.status === 404) return undefined;
      throw error;
    }
  });
  const [one] = found.filter((each) => each !== undefined);
  if (one) return one;
  throw new PegasusError('NOT_FOUND', `Workflow "${name}" has no run ${id}.`, { hint });
}

export interface ListFilter {
  limit: number;
  /** Only older ones than this run. */
  before?: string | undefined;
  status?: readonly ExecutionStatus[] | undefined;
  /** Created at or after, ISO-8601. */
  since?: string | undefined;
  /** Created before, ISO-8601. */
  until?: string | undefined;
}

/** The newest runs of these versions together, newest first, at most `limit`. */
export async function listExecutions(
  client: PegasusClient,
  versions: readonly Workflow[],
  { before, ...filter }: ListFilter,
): Promise<FoundExecution[]> {
  const [only, ...others] = versions;
  if (only && others.length === 0) {
    const executions = await client.executions.list(only.id, { ...filter, ...(before ? { before } : {}) });
    return executions.map((execution) => ({ workflow: only, execution }));
  }
  // A cursor belongs to one version's list; across several, time is what they have in common.
  const bound = before ? (await findExecution(client, versions, before)).execution : undefined;
  const until = earlier(filter.until, bound && justAfter(bound.createdAt));
  const isOlder = (execution: Execution): boolean => bound === undefined || older(execution, bound);
  const lists = await mapLimited(versions, PARALLEL, async (workflow) => {
    const found: FoundExecution[] = [];
    const query = { pageSize: filter.limit, status: filter.status, since: filter.since, until };
    for await (const execution of client.executions.pages(workflow.id, query)) {
      if (isOlder(execution)) found.push({ workflow, execution });
      if (found.length >= filter.limit) break;
    }
    return found;
  });
  return lists
    .flat()
    .sort((a, b) => (older(a.execution, b.execution) ? 1 : -1))
    .slice(0, filter.limit);
}

function older(a: Execution, b: Execution): boolean {
  return a.createdAt === b.createdAt ? a.id < b.id : a.createdAt < b.createdAt;
}

/** Runs of other versions may have begun in the very millisecond of the last one shown. */
function justAfter(iso: string): string {
  return new Date(Date.parse(iso) + 1).toISOString();
}

function earlier(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a < b ? a : b;
}
