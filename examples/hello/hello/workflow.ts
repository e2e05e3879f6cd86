import {
  condition,
  defineQuery,
  defineSignal,
  matchInput,
  proxyActivities,
  setHandler,
  type WorkflowInput,
} from 'pegasus-workflows-sdk/workflow';
import type * as activities from './activities.js';

/** Send this to a waiting run and it greets at once. */
export const hurrySignal = defineSignal('hurry');
/** Ask a run what it is doing. */
export const phaseQuery = defineQuery<Phase>('phase');

export type Phase = 'waiting' | 'greeting' | 'done';

export interface Greeting {
  greeting: string;
  /** Whether the signal came before the wait was over. */
  hurried: boolean;
}

// Everything that touches the outside world is an activity: Temporal retries it until it succeeds or gives up.
const { composeGreeting } = proxyActivities<typeof activities>({
  startToCloseTimeout: '10 seconds',
  retry: { maximumAttempts: 5 },
});

/**
 * Waits, then greets. The wait is durable: it survives restarts, and may as well be a month.
 * AGENTS.md says what workflow code may and may not do.
 */
export async function helloWorkflow(argument: WorkflowInput): Promise<Greeting> {
  const { name, waitSeconds } = readInput(argument);
  let phase: Phase = 'waiting';
  let hurried = false;
  setHandler(phaseQuery, () => phase);
  setHandler(hurrySignal, () => {
    hurried = true;
  });

  await condition(() => hurried, `${waitSeconds} seconds`);
  phase = 'greeting';
  const greeting = await composeGreeting(name);
  phase = 'done';
  return { greeting, hurried };
}

interface Settings {
  name: string;
  waitSeconds: number;
}

/** A run is started by a person or a program, by an event, by a schedule, or by `pegasus-workflows test`. */
function readInput(argument: WorkflowInput): Settings {
  return matchInput(argument, {
    manual: ({ input }) => settings(input?.['name'], input?.['waitSeconds']),
    event: ({ eventType }) => settings(`the sender of ${eventType}`),
    schedule: () => settings('everyone'),
    test: (text) => settings(text),
  });
}

function settings(name: unknown, waitSeconds: unknown = 1): Settings {
  return {
    name: typeof name === 'string' && name !== '' ? name : 'world',
    waitSeconds: typeof waitSeconds === 'number' && waitSeconds > 0 ? waitSeconds : 1,
  };
}
