import { setTimeout as delay } from 'node:timers/promises';
import { isTerminal, type Execution, type History, type Workflow } from '@pegasus-workflows/contracts';
import {
  isPegasusApiError,
  isPegasusConnectionError,
  type PegasusClient,
} from 'pegasus-workflows-sdk/client';
import { type Context } from '../context.js';
import { LiveTimeline } from '../timeline/live.js';
import { renderStep } from '../timeline/render.js';
import { ScreenTimeline } from '../timeline/screen-timeline.js';

/** Between two looks at a history, where nobody says that there is news: quick to an eye, little to a server. */
const LOOK_MS = 400;
/** Where somebody does: attempts of activities are in no event. */
const LIVE_LOOK_MS = 2_000;

/**
 * Shows a run's timeline as it happens, until the run has ended: redrawn in place on a terminal, line by line elsewhere.
 * With `--json` the lines go to standard error. A server without live streams is asked again and again.
 * @returns the run as it ended
 */
export async function followExecution(
  context: Context,
  client: PegasusClient,
  workflow: Workflow,
  executionId: string,
  signal?: AbortSignal,
): Promise<Execution> {
  const show = displayOf(context);
  const news = new News();
  const ended = endOf(client, workflow, executionId, news, signal);
  // Told by the await below; a rejection while this function is still printing is not unhandled.
  const settled = ended.then(
    () => true,
    () => true,
  );
  const look = async (end: boolean): Promise<void> =>
    show(await historyOf(client, workflow, executionId, signal), end);
  while (!(await Promise.race([settled, news.next()]))) await look(false);
  const execution = await ended;
  await look(true);
  return execution;
}

/** When to look at the history: at every event of the run's stream, and now and then. */
class News {
  everyMs = LIVE_LOOK_MS;
  #isThere = false;
  #wake: () => void = () => {};

  tell(): void {
    this.#isThere = true;
    this.#wake();
  }

  async next(): Promise<false> {
    if (!this.#isThere)
      await Promise.race([delay(this.everyMs), new Promise<void>((resolve) => (this.#wake = resolve))]);
    this.#isThere = false;
    return false;
  }
}

/** The execution as it ended, told by its stream or, where there is none to be had, by a long poll. */
async function endOf(
  client: PegasusClient,
  { id }: Workflow,
  executionId: string,
  news: News,
  signal: AbortSignal | undefined,
): Promise<Execution> {
  try {
    for await (const event of client.live.execution(id, executionId, { signal })) {
      if (event.type === 'execution' && isTerminal(event.execution.status)) return event.execution;
      news.tell();
    }
  } catch (error) {
    signal?.throwIfAborted();
    // Whatever it was, the long poll says it in its own words, or goes without.
    if (!isPegasusApiError(error) && !isPegasusConnectionError(error)) throw error;
    news.everyMs = LOOK_MS;
    news.tell();
  }
  return client.executions.wait(id, executionId, { signal });
}

function displayOf({ out }: Context): (history: History, ended: boolean) => void {
  if (out.screen) {
    const timeline = new ScreenTimeline(out.screen, { colors: out.colors });
    return (history, ended) => timeline.show(history, ended);
  }
  const timeline = new LiveTimeline();
  const colors = out.json ? out.noteColors : out.colors;
  return (history) => {
    for (const step of timeline.news(history)) {
      for (const line of renderStep(step, { colors, width: out.width })) {
        if (out.json) out.note(line);
        else out.line(line);
      }
    }
  };
}

/** The history, or nothing at the moments when there is none: not started yet, dropped already, server restarting. */
export async function historyOf(
  client: PegasusClient,
  workflow: Workflow,
  executionId: string,
  signal?: AbortSignal,
): Promise<History> {
  try {
    return await client.executions.history(workflow.id, executionId, { signal });
  } catch (error) {
    const passing =
      isPegasusConnectionError(error) || (isPegasusApiError(error) && [404, 502, 503].includes(error.status));
    if (passing) return { events: [] };
    throw error;
  }
}
