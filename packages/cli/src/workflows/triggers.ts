import { type Trigger, type Workflow } from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type PegasusClient } from 'pegasus-workflows-sdk/client';
import { mapLimited } from '../concurrency.js';
import { type Context } from '../context.js';
import { printFacts } from '../output/facts.js';
import { formatTime } from '../output/format.js';
import { resolveVersions, type Where } from './resolve.js';

/** A trigger, and the version it starts. */
export interface FoundTrigger {
  workflow: Workflow;
  trigger: Trigger;
}

/** The API asks per version: this many calls are under way at once. */
const PARALLEL = 6;

/** Every trigger of these versions, those of the newest version first. */
export async function triggersOf(
  client: PegasusClient,
  versions: readonly Workflow[],
): Promise<FoundTrigger[]> {
  const lists = await mapLimited(versions, PARALLEL, async (workflow) =>
    (await client.triggers.list(workflow.id)).map((trigger) => ({ workflow, trigger })),
  );
  return lists.flat();
}

/** One trigger, whichever version of the workflow it belongs to. @throws PegasusError NOT_FOUND */
export async function findTrigger(
  context: Context,
  client: PegasusClient,
  reference: string,
  triggerId: string,
  where: Where,
): Promise<FoundTrigger> {
  const versions = await resolveVersions(context, client, reference, where);
  const found = (await triggersOf(client, versions)).find(
    ({ trigger }) => trigger.id === triggerId.toLowerCase(),
  );
  if (found) return found;
  const name = versions[0]?.name ?? reference;
  throw new PegasusError('NOT_FOUND', `Workflow "${name}" has no trigger ${triggerId}.`, {
    hint: `List its triggers: pegasus-workflows triggers list ${name}`,
  });
}

/** What a trigger waits for, in a few words. */
export function whenOf({ kind, cronExpression, eventType, filter }: Trigger): string {
  if (kind === 'SCHEDULE') return `cron ${cronExpression}`;
  return `event ${eventType}${filter ? ' (filtered)' : ''}`;
}

/** A trigger in full. */
export function printTrigger({ out }: Context, workflow: Workflow, trigger: Trigger): void {
  const { lastTick } = trigger;
  const said = trigger.note === undefined ? '' : `: ${trigger.note}`;
  printFacts(out, `${whenOf(trigger)} starts ${workflow.name}@${workflow.version}`, [
    ['trigger', trigger.id],
    [
      'state',
      trigger.enabled ? `enabled${said}` : `${trigger.kind === 'SCHEDULE' ? 'paused' : 'disabled'}${said}`,
    ],
    ['filter', trigger.filter && JSON.stringify(trigger.filter, null, 2)],
    ['next (UTC)', trigger.nextTimes?.map(formatTime).join('\n')],
    ['last tick', lastTick && `${formatTime(lastTick.scheduledAt)} UTC ${lastTick.outcome}`],
    ['its run', lastTick?.executionId],
  ]);
}

/** How many triggers now start a version. */
export function takenOver(count: number, { name, version }: Pick<Workflow, 'name' | 'version'>): string {
  if (count === 0) return `No other version of ${name} has triggers; ${version} has taken over none.`;
  return `${count} ${count === 1 ? 'trigger starts' : 'triggers start'} ${name}@${version} from now on.`;
}
