import { setTimeout as delay } from 'node:timers/promises';
import { type Execution, type HistoryEvent, type Workflow } from '@pegasus-workflows/contracts';
import {
  isPegasusApiError,
  isPegasusConnectionError,
  type PegasusClient,
} from 'pegasus-workflows-sdk/client';
import { type Context } from '../context.js';
import { LiveTimeline } from '../timeline/live.js';
import { renderStep } from '../timeline/render.js';

/** Between two looks at a history: quick to an eye, little to a server. */
const LOOK_MS = 400;

/**
 * Prints a run's timeline as it happens, until the run has ended. With `--json` the lines go to standard error.
 * @returns the run as it ended
 */
export async function followExecution(
  context: Context,
  client: PegasusClient,
  workflow: Workflow,
  executionId: string,
  signal?: AbortSignal,
): Promise<Execution> {
  const timeline = new LiveTimeline();
  const print = printerOf(context);
  const ended = client.executions.wait(workflow.id, executionId, { signal });
  // Told by the await below; a rejection while this function is still printing is not unhandled.
  const settled = ended.then(
    () => true,
    () => true,
  );
  const look = async (): Promise<void> => {
    for (const step of timeline.news(await historyOf(client, workflow, executionId, signal))) print(step);
  };
  while ((await Promise.race([settled, delay(LOOK_MS, false)])) === false) await look();
  const execution = await ended;
  await look();
  return execution;
}

function printerOf({ out }: Context): (step: Parameters<typeof renderStep>[0]) => void {
  return (step) => {
    const colors = out.json ? out.noteColors : out.colors;
    for (const line of renderStep(step, colors, out.width)) {
      if (out.json) out.note(line);
      else out.line(line);
    }
  };
}

/** The history, or nothing at the moments when there is none: not started yet, dropped already, server restarting. */
export async function historyOf(
  client: PegasusClient,
  workflow: Workflow,
  executionId: string,
  signal?: AbortSignal,
): Promise<HistoryEvent[]> {
  try {
    return (await client.executions.history(workflow.id, executionId, { signal })).events;
  } catch (error) {
    const passing =
      isPegasusConnectionError(error) || (isPegasusApiError(error) && [404, 502, 503].includes(error.status));
    if (passing) return [];
    throw error;
  }
}
