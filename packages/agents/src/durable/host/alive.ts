import { PegasusError } from '@pegasus-workflows/contracts';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';

/** A step, with signs of life while it works; the signal is aborted when the dispatch is cancelled. */
export async function alive<T>(
  { heartbeatTimeoutMs }: { heartbeatTimeoutMs: number },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(), heartbeatTimeoutMs / 4);
  try {
    return await finally_(work(context.cancellationSignal));
  } finally {
    clearInterval(beat);
  }
}

/** Invariant 4 of `activities.ts`: what the platform's errors say is wrong with the task stays wrong; who has what it needs may let go. */
async function finally_<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof PegasusError) || error.retryable || error.code === 'CONFLICT') throw error;
    throw ApplicationFailure.nonRetryable(error.message, error.code);
  }
}
