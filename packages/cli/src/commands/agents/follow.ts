import { type Dispatch } from '@pegasus-workflows/contracts';
import { type PegasusClient, type WatchedDispatch } from 'pegasus-workflows-sdk/client';
import { type Context } from '../../context.js';
import { EXIT } from '../../exit-codes.js';
import { Interrupted } from '../../interrupted.js';
import { untilInterrupted } from '../../runs/interrupt.js';
import { eventLine, printResult, stateLine } from './print.js';
import { Questions } from './questions.js';

export interface FollowOptions {
  /** Watch no longer than this, in milliseconds. */
  timeoutMs?: number | undefined;
  /** Told of everything that is seen, in place of a line for each. */
  tell?: ((watched: WatchedDispatch) => void) | undefined;
}

/** How the watching ended, and the dispatch as it was last seen. */
export interface Followed {
  how: 'ended' | 'interrupted' | 'late';
  dispatch: Dispatch;
}

/**
 * Shows a dispatch as it happens until it has ended, and puts its questions to the person at the terminal. With `--json`
 * the lines go to standard error. Ctrl-C and the timeout end the watching, not the dispatch.
 */
export async function followDispatch(
  context: Context,
  client: PegasusClient,
  dispatch: Dispatch,
  { timeoutMs, tell = teller(context) }: FollowOptions = {},
): Promise<Followed> {
  const leave = new AbortController();
  const questions = new Questions(context, client, leave);
  const limit = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
  let seen = dispatch;
  const how = await untilInterrupted(async (interrupted) => {
    const signal = AbortSignal.any([interrupted, leave.signal, ...(limit ? [limit] : [])]);
    try {
      for await (const watched of client.agents.watch(dispatch.id, { signal })) {
        tell(watched);
        if (watched.type !== 'dispatch') continue;
        seen = watched.dispatch;
        questions.see(seen);
      }
      if (seen.state !== 'ENDED') seen = await client.agents.get(dispatch.id, { signal });
      return 'ended' as const;
    } catch (error) {
      if (leave.signal.reason instanceof Interrupted) return 'interrupted' as const;
      if (limit?.aborted && error === limit.reason) return 'late' as const;
      throw error;
    } finally {
      questions.close();
    }
  });
  return { how, dispatch: seen };
}

/** The rest of a command that has followed a dispatch. @returns the exit code: 0 when it shipped */
export function finishFollowed({ out }: Context, { how, dispatch }: Followed): number {
  if (how === 'ended') {
    if (dispatch.result) printResult(out, dispatch.result);
    return dispatch.result?.status === 'shipped' ? EXIT.done : EXIT.failed;
  }
  const reason =
    how === 'late' ? `It is still ${dispatch.state} when the time is up, and goes on.` : 'It goes on.';
  out.note(`${reason} Watch it: pegasus-workflows agents watch ${dispatch.id}`);
  return how === 'late' ? EXIT.unreachable : EXIT.interrupted;
}

/** A line for each event, and for each time that it is held up or goes on. */
function teller({ out }: Context): (watched: WatchedDispatch) => void {
  const colors = out.json ? out.noteColors : out.colors;
  let isHeld = false;
  const say = (line: string): void => (out.json ? out.note(line) : out.line(line));
  return (watched) => {
    if (watched.type === 'event') return say(eventLine(watched, colors));
    const { state } = watched.dispatch;
    const wasHeld = isHeld;
    isHeld = state === 'WAITING' || state === 'PAUSED';
    if (isHeld !== wasHeld && state !== 'ENDED') say(stateLine(watched.dispatch, colors));
  };
}
