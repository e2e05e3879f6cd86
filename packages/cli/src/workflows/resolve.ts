import { type Execution, PegasusError, type Workflow } from '@pegasus-workflows/contracts';
import { isPegasusApiError, type PegasusClient } from 'pegasus-workflows-sdk/client';
import { chooseWorkflow, parseReference } from './choose.js';
import { compareVersions } from './versions.js';

/** The one workflow that `name`, `name@version` or an id means. @throws PegasusError NOT_FOUND with the nearest name */
export async function resolveWorkflow(client: PegasusClient, text: string): Promise<Workflow> {
  const reference = parseReference(text);
  return 'id' in reference
    ? client.workflows.get(reference.id)
    : chooseWorkflow(await client.workflows.list(), reference);
}

/**
 * Every version that a reference covers, newest first: runs belong to a version, and a name alone means all of them.
 * @throws PegasusError NOT_FOUND
 */
export async function resolveVersions(client: PegasusClient, text: string): Promise<Workflow[]> {
  const reference = parseReference(text);
  if ('id' in reference) return [await client.workflows.get(reference.id)];
  const all = await client.workflows.list();
  const chosen = chooseWorkflow(all, reference);
  if (reference.version !== undefined) return [chosen];
  return all
    .filter(({ name, visibility }) => name === chosen.name && visibility === chosen.visibility)
    .sort((a, b) => compareVersions(b.version, a.version));
}

export interface FoundExecution {
  workflow: Workflow;
  execution: Execution;
}

/** A run of one of these versions, whichever it is. @throws PegasusError NOT_FOUND */
export async function findExecution(
  client: PegasusClient,
  versions: readonly Workflow[],
  executionId: string,
): Promise<FoundExecution> {
  for (const workflow of versions) {
    try {
      return { workflow, execution: await client.executions.get(workflow.id, executionId) };
    } catch (error) {
      if (!isPegasusApiError(error) || error.status !== 404) throw error;
    }
  }
  const name = versions[0]?.name ?? '';
  throw new PegasusError('NOT_FOUND', `Workflow "${name}" has no run ${executionId}.`, {
    hint: `List its runs: pegasus-workflows executions list ${name}`,
  });
}

/** The newest runs of these versions together, newest first, at most `limit`; `before` is the id of one of them. */
export async function listExecutions(
  client: PegasusClient,
  versions: readonly Workflow[],
  { limit, before }: { limit: number; before?: string | undefined },
): Promise<FoundExecution[]> {
  const [only, ...others] = versions;
  if (only && others.length === 0) {
    const executions = await client.executions.list(only.id, { limit, ...(before ? { before } : {}) });
    return executions.map((execution) => ({ workflow: only, execution }));
  }
  // A cursor belongs to one version's list; across several, time is what they have in common.
  const bound = before ? (await findExecution(client, versions, before)).execution : undefined;
  const isOlder = (execution: Execution): boolean => bound === undefined || older(execution, bound);
  const lists = await Promise.all(
    versions.map(async (workflow) => {
      const found: FoundExecution[] = [];
      for await (const execution of client.executions.pages(workflow.id, { pageSize: limit })) {
        if (isOlder(execution)) found.push({ workflow, execution });
        if (found.length >= limit) break;
      }
      return found;
    }),
  );
  return lists
    .flat()
    .sort((a, b) => (older(a.execution, b.execution) ? 1 : -1))
    .slice(0, limit);
}

function older(a: Execution, b: Execution): boolean {
  return a.createdAt === b.createdAt ? a.id < b.id : a.createdAt < b.createdAt;
}
