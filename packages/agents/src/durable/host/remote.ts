import { printableLine } from '@pegasus-workflows/contracts/agents';
import { type RemoteActivities, type TakingActivities, type Where } from '../protocol.js';
import { dispatchActivities, type HostParts } from './activities.js';
import { alive } from './alive.js';
import { notNow, type Copies } from './copies.js';

/**
 * Job: the steps of dispatches that come from other hosts, done in copies of their workspaces.
 *
 * Boundary: what a step does is `activities.ts`'s, where a copy is `copies.ts`'s.
 *
 * Invariants
 * 1. A step that is asked for again after the copy was put away answers what it had answered.
 */
export interface RemoteParts extends Omit<HostParts, 'workspaceOf'> {
  copies: Copies;
  /** Where this host is asked for what it has taken. */
  queue: string;
}

/** For the queue that all hosts of a tenant share. */
export function takingActivities(parts: RemoteParts): TakingActivities {
  const { copies, models, queue } = parts;
  return {
    takeOver: ({ where, model, handed }) =>
      alive(parts, async (signal) => {
        if (model !== null && !models.names.includes(model))
          throw notNow(`This host has no model ${printableLine(model)}.`);
        await copies.take(where, handed, signal);
        return { queue };
      }),
  };
}

/** For the queue of this host. */
export function remoteActivities({ copies, ...parts }: RemoteParts): RemoteActivities {
  const steps = dispatchActivities({ ...parts, workspaceOf: (where) => copies.workspaceOf(where) });
  /** Invariant 1. */
  const ending = async <T>(where: Where, over: T, work: () => Promise<T>): Promise<T> => {
    if (await copies.isOver(where)) return over;
    const answer = await work();
    copies.putAway(where);
    return answer;
  };
  return {
    ...steps,
    giveBack: ({ where, handed }) => alive(parts, () => copies.give(where, handed)),
    writeRecords: (input) => ending(input.where, undefined, () => steps.writeRecords(input)),
    closeDispatch: (input) =>
      ending(input.where, input.result, async () => {
        if (input.isKept) await copies.keep(input.where);
        return steps.closeDispatch(input);
      }),
  };
}
