import { type ResetPoint, type ResetReapply } from '@pegasus-workflows/contracts';
import { type RunMessage } from './temporal.js';

/**
 * The part of `TemporalPort` that interferes with open runs. A workflow id stands for its newest run. Every call
 * rejects with `TemporalError` when Temporal did not do what it was asked.
 */
export interface TemporalControls {
  /**
   * Calls an update handler. Resolves once the update has ended, or was accepted and `waitMs` have passed: an accepted
   * one is in the history and survives everything. `closed` when the run has ended without it. A repeated `updateId` is
   * the same update, also when it has ended its run. Rejects when no worker has accepted it within `acceptMs`.
   */
  update(workflowId: string, message: UpdateMessage, limits: UpdateLimits): Promise<UpdateOutcome>;
  /** How an update stands, at the latest after `waitMs`; `unknown` when the run has none of that id. */
  pollUpdate(
    workflowId: string,
    updateId: string,
    limits: Omit<UpdateLimits, 'acceptMs'>,
  ): Promise<UpdateOutcome>;
  /** Ends the newest run at once, without asking its code. */
  terminateNewest(workflowId: string, reason: string): Promise<'terminated' | 'closed' | 'unknown'>;
  /** Ends the newest run and lets a new one go on from an earlier point of it. */
  reset(workflowId: string, request: ResetPlan): Promise<ResetOutcome>;
  /** Holds the run where the cluster can, and else the activities that are pending now. */
  pause(workflowId: string, request: PauseRequest): Promise<PauseOutcome>;
  /** Lets go on what {@link TemporalControls.pause} holds. */
  unpause(workflowId: string, request: PauseRequest): Promise<PauseOutcome>;
}

export interface UpdateMessage extends RunMessage {
  updateId: string;
}

export interface UpdateLimits {
  acceptMs: number;
  waitMs: number;
  signal?: AbortSignal | undefined;
}

/** `failed`: the run's validator or handler said no, or its run ended before the handler did. */
export type UpdateOutcome =
  | { kind: 'completed'; result: unknown }
  | { kind: 'failed'; reason: string }
  | { kind: 'accepted' | 'closed' | 'unknown' };

export interface ResetPlan {
  to: ResetPoint | { eventId: number };
  reapply: ResetReapply;
  reason: string;
  /** A repeated one resets once, as long as nothing else has. */
  requestId: string;
}

/** `impossible`: there is no such point in this run; `reason` says so, as the end of a sentence. */
export type ResetOutcome =
  | { kind: 'reset'; runId: string; eventId: string }
  | { kind: 'impossible'; reason: string }
  | { kind: 'closed' | 'unknown' };

export interface PauseRequest {
  reason: string;
  requestId: string;
}

export type PauseOutcome =
  | { kind: 'done'; scope: 'workflow' | 'activities'; activities: PausedActivity[] }
  | { kind: 'closed' | 'unknown' };

export interface PausedActivity {
  activityId: string;
  activityType: string;
}
