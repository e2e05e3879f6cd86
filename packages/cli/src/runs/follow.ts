import { setTimeout as delay } from 'node:timers/promises';
import { type Execution, type History, type Workflow } from '@pegasus-workflows/contracts';
import {
  isPegasusApiError,
  isPegasusConnectionError,
  type PegasusClient,
} from 'pegasus-workflows-sdk/client';
import { type Context } from '../context.js';
import { LiveTimeline } from '../timeline/live.js';
import { renderStep } from '../timeline/render.js';
import { ScreenTimeline } from '../timeline/screen-timeline.js';

/** Between two looks at a history: quick to an eye, little to a server. */
const LOOK_MS = 400;

/**
 * Shows a run's timeline as it happens, until the run has ended: redrawn in place on a terminal, line by line elsewhere.
 * With `--json` the lines go to standard error.
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
  const ended = client.executions.wait(workflow.id, executionId, { signal });
  // Told by the await below; a rejection while this function is still printing is not unhandled.
  const settled = ended.then(
    () => true,
    () => true,
  );
  const look = async (end: boolean): Promise<void> =>
    show(await historyOf(client, workflow, executionId, signal), end);
  while ((await Promise.race([settled, delay(LOOK_MS, false)])) === false) await look(false);
  const execution = await ended;
  await look(true);
  return execution;
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
