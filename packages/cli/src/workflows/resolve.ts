import { type Workflow } from '@pegasus-workflows/contracts';
import { isPegasusApiError, type PegasusClient } from 'pegasus-workflows-sdk/client';
import { type Context } from '../context.js';
import { pushedFrom, type LedgerPlace } from '../project/ledger.js';
import { chooseWorkflow, parseReference } from './choose.js';
import { compareVersions } from './versions.js';

/** How a name is read: which entry of the ledger, and whether it is looked at. */
export interface Where extends LedgerPlace {
  /** The newest version, whatever the ledger says. */
  latest?: boolean | undefined;
}

/**
 * The one workflow that `name`, `name@version` or an id means: what was pushed from the project one is in, else what the
 * platform lists.
 * @throws PegasusError NOT_FOUND with the nearest name
 */
export async function resolveWorkflow(
  context: Context,
  client: PegasusClient,
  text: string,
  where: Where = {},
): Promise<Workflow> {
  const reference = parseReference(text);
  if ('id' in reference) return client.workflows.get(reference.id);
  const entry = where.latest
    ? undefined
    : await pushedFrom(context, { ...reference, ...where, baseUrl: client.baseUrl });
  if (entry) {
    const pushed = await getIfThere(client, entry.workflowId);
    // A ledger of one workflow does not say which; the platform does.
    if (pushed?.name === reference.name) return pushed;
    if (!pushed) noteStale(context, entry.version, reference.name);
  }
  return chooseWorkflow(await client.workflows.list(), reference);
}

/**
 * Every version that a reference covers, newest first: runs belong to a version, and a name alone means all of them,
 * whichever one the ledger has.
 * @throws PegasusError NOT_FOUND
 */
export async function resolveVersions(
  context: Context,
  client: PegasusClient,
  text: string,
  where: Where = {},
): Promise<Workflow[]> {
  const reference = parseReference(text);
  if ('id' in reference) return [await client.workflows.get(reference.id)];
  const entry = await pushedFrom(context, { ...reference, ...where, baseUrl: client.baseUrl });
  const all = await client.workflows.list();
  const pushed = all.find(({ id }) => id === entry?.workflowId);
  if (entry && !pushed) noteStale(context, entry.version, reference.name);
  const chosen = pushed?.name === reference.name ? pushed : chooseWorkflow(all, reference);
  if (reference.version !== undefined) return [chosen];
  return all
    .filter(({ name, visibility }) => name === chosen.name && visibility === chosen.visibility)
    .sort((a, b) => compareVersions(b.version, a.version));
}

/** The tenant's own versions of a workflow, else the GLOBAL ones, newest first; none when nothing of it is published. */
export async function publishedVersions(client: PegasusClient, name: string): Promise<Workflow[]> {
  const named = (await client.workflows.list()).filter((workflow) => workflow.name === name);
  const own = named.filter(({ visibility }) => visibility === 'TENANT');
  return (own.length > 0 ? own : named).sort((a, b) => compareVersions(b.version, a.version));
}

/** A ledger may be older than the platform it speaks of (a data directory that was deleted). */
async function getIfThere(client: PegasusClient, id: string): Promise<Workflow | undefined> {
  try {
    return await client.workflows.get(id);
  } catch (error) {
    if (isPegasusApiError(error) && error.status === 404) return undefined;
    throw error;
  }
}

function noteStale({ out }: Context, version: string, name: string): void {
  out.note(
    out.noteColors.quiet(
      `deployments.toml is older than this platform: ${name}@${version}, as it was pushed, is not there any more. Using what the platform lists.`,
    ),
  );
}
