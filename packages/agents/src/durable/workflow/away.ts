import { remoteQueue, type DispatchRun } from '@pegasus-workflows/contracts';
import { printableLine, type SubagentResult } from '@pegasus-workflows/contracts/agents';
import { messageOf } from '../../error-text.js';
import {
  type BroughtBack,
  type CloseInput,
  type GivenBack,
  type Handed,
  type OriginActivities,
  type RemoteActivities,
  type TakingActivities,
  type Where,
} from '../protocol.js';
import {
  activities,
  ALWAYS_AGAIN,
  FIRST_HEARTBEAT_MS,
  OPEN_MS,
  plainly,
  type CallBounds,
} from './activities.js';

/**
 * Job: the way of a workspace to another host, and of what was done there back.
 *
 * Boundary: inside of the workflow. The workflow itself, and its two ends, are with the host that has the workspace.
 */
export interface Away {
  /** Of the host that has taken it. */
  queue: string;
  handed: Handed;
}

/** A repository on its way, whatever the line. Milliseconds. */
const MOVE_MS = 3_600_000;
/** A host that has taken a dispatch may be away for so long: it has what was done. Milliseconds. */
const GONE_MS = 24 * 3_600_000;

const MOVING: CallBounds = { startToCloseTimeout: MOVE_MS, heartbeatTimeout: FIRST_HEARTBEAT_MS };

/** Rejects with what the workspace's host says; waits for a host that takes it. */
export async function handOver(where: Where, model: string | null): Promise<Away> {
  const handed = await plainly(activities<OriginActivities>(MOVING).handOver({ where }));
  const taskQueue = remoteQueue(where.tenantId);
  const { takeOver } = activities<TakingActivities>({ ...MOVING, taskQueue }, ALWAYS_AGAIN);
  const { queue } = await plainly(takeOver({ where, model, handed }));
  return { queue, handed };
}

/** Bounds of a call to the host that has taken it. */
export function awayBounds({ queue: taskQueue }: Away, bounds: CallBounds): CallBounds {
  return { ...bounds, taskQueue, scheduleToStartTimeout: bounds.scheduleToStartTimeout ?? GONE_MS };
}

/** The result with what has come back; what has not makes it a failure, and is kept where it is. */
export async function bringBack(
  away: Away,
  where: Where,
  result: SubagentResult,
  merge: DispatchRun['merge'],
  heartbeatTimeout: number,
): Promise<Pick<CloseInput, 'result' | 'isKept'>> {
  const { status, summary } = result;
  const isMerged = merge === 'auto' && status === 'shipped';
  try {
    const { filesChanged, notes } = await brought(
      away,
      where,
      isMerged,
      { ...MOVING, heartbeatTimeout },
      status,
    );
    return { result: { ...result, filesChanged, summary: [summary, ...notes].join('\n\n') } };
  } catch (error) {
    const why = `What was done on the other host could not be brought back: ${printableLine(messageOf(error))}`;
    const failed = status === 'cancelled' ? status : 'failed';
    const told = `${why}\n\n${summary}`;
    return { result: { ...result, status: failed, filesChanged: [], summary: told }, isKept: true };
  }
}

async function brought(
  away: Away,
  where: Where,
  isMerged: boolean,
  moving: CallBounds,
  status: SubagentResult['status'],
): Promise<BroughtBack> {
  // Nobody waits a day for the work of one that has failed.
  const isSoon = status === 'failed' || status === 'cancelled';
  const bounds = { ...moving, ...(isSoon ? { scheduleToStartTimeout: OPEN_MS } : {}) };
  const { handed } = away;
  const { giveBack } = activities<RemoteActivities>(awayBounds(away, bounds));
  const given: GivenBack = await plainly(giveBack({ where, handed }));
  return plainly(activities<OriginActivities>(moving).takeBack({ where, handed, given, isMerged }));
}
