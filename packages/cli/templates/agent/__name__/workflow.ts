import {
  ActivityFailure,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  isCancellation,
  proxyActivities,
  setHandler,
  workflowInfo,
  type WorkflowInput,
} from 'pegasus-workflows-sdk/workflow';
import type * as activities from './activities/index.js';
import type { Message, ToolCall } from './messages.js';
import { readTask } from './task.js';
import { readCall, type Arguments, type Tool } from './tools.js';

/** Lets a dangerous tool be used, or not; `callId` is in the status. */
export const approveSignal = defineSignal<[callId: string, by: string]>('approve');
export const denySignal = defineSignal<[callId: string, by: string, reason: string]>('deny');
export const statusQuery = defineQuery<Status>('status');
/** All that was said, tools' results included. */
export const transcriptQuery = defineQuery<Message[]>('transcript');

export interface Status {
  phase: 'thinking' | 'using a tool' | 'awaiting approval' | 'done';
  turns: number;
  tokens: number;
  /** What a person is asked to approve. */
  pending: { callId: string; tool: string; args: Arguments } | null;
}

export interface Outcome {
  outcome: 'answered' | 'out of turns' | 'out of tokens';
  answer: string | null;
  turns: number;
  tokens: number;
}

/** What goes on in the next run when this one's history is full. */
export interface Carried {
  messages: Message[];
  turns: number;
  tokens: number;
}

const TURNS_PER_RUN = 20;
const APPROVAL_WITHIN = '1 day';
const SYSTEM =
  'You work on a task in a workspace, with tools. A person is asked before a tool changes anything. When the task is done, answer without calling a tool.';

// A model may be busy for long, and costs money: patient, but not for ever.
const { askModel } = proxyActivities<typeof activities>({
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '1 minute',
  retry: { initialInterval: '2 seconds', maximumInterval: '2 minutes', maximumAttempts: 8 },
});
const reading = proxyActivities<typeof activities>({
  startToCloseTimeout: '30 seconds',
  retry: { maximumAttempts: 3, nonRetryableErrorTypes: ['OutsideWorkspace'] },
});
const changing = proxyActivities<typeof activities>({
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '1 minute',
  retry: { maximumAttempts: 2, nonRetryableErrorTypes: ['OutsideWorkspace'] },
});

/**
 * The agent's loop: the model takes a turn, its tool calls are done, and again, until it answers or the budget is
 * spent. Each turn and each call is an activity, so a crash costs the step under way and no other.
 */
export async function __camelName__Workflow(argument: WorkflowInput, carried?: Carried): Promise<Outcome> {
  const { prompt, budget } = readTask(argument);
  const messages: Message[] = carried?.messages ?? [
    { role: 'system', content: SYSTEM },
    { role: 'user', content: prompt },
  ];
  const status: Status = { phase: 'thinking', ...spent(carried), pending: null };
  const decisions = new Map<string, Decision>();
  setHandler(statusQuery, () => status);
  setHandler(transcriptQuery, () => messages);
  setHandler(approveSignal, (callId, by) => void decisions.set(callId, { approved: true, by }));
  setHandler(denySignal, (callId, by, reason) => void decisions.set(callId, { approved: false, by, reason }));

  const finish = (outcome: Outcome['outcome'], answer: string | null = null): Outcome => {
    status.phase = 'done';
    return { outcome, answer, ...spent(status) };
  };

  for (let turns = 0; turns < TURNS_PER_RUN && !workflowInfo().continueAsNewSuggested; turns++) {
    if (status.turns >= budget.turns) return finish('out of turns');
    if (status.tokens >= budget.tokens) return finish('out of tokens');
    status.phase = 'thinking';
    const { message, tokens } = await askModel(messages, key(`turn-${status.turns}`));
    status.turns += 1;
    status.tokens += tokens;
    messages.push(message);
    if (!message.tool_calls) return finish('answered', message.content);
    for (const call of message.tool_calls) {
      const content = await answerCall(call, status, decisions);
      messages.push({ role: 'tool', tool_call_id: call.id, content });
    }
  }
  // The history is replayed whole after a restart, so it may not grow for ever.
  return continueAsNew<typeof __camelName__Workflow>(argument, { messages, ...spent(status) });
}

interface Decision {
  approved: boolean;
  by: string;
  reason?: string;
}

/** What the model is told about its call: the tool's result, or why there is none. Only a cancellation fails the run. */
async function answerCall(call: ToolCall, status: Status, decisions: Map<string, Decision>): Promise<string> {
  const read = readCall(call.function.name, call.function.arguments);
  if ('problem' in read) return read.problem;
  const { tool, args } = read;
  if (tool.dangerous) {
    status.phase = 'awaiting approval';
    status.pending = { callId: call.id, tool: tool.name, args };
    await condition(() => decisions.has(call.id), APPROVAL_WITHIN);
    status.pending = null;
    const decision = decisions.get(call.id);
    if (!decision) return 'Nobody approved this in time. Go on without it.';
    if (!decision.approved) return `${decision.by} does not allow this: ${decision.reason}`;
  }
  status.phase = 'using a tool';
  try {
    return await useTool(tool, args, key(`call-${call.id}`));
  } catch (error) {
    if (isCancellation(error) || !(error instanceof ActivityFailure)) throw error;
    return `${tool.name} failed: ${error.cause?.message ?? error.message}`;
  }
}

/** Reading may be repeated at will; what changes something is tried less, under a key. */
function useTool({ name }: Tool, args: Arguments, idempotencyKey: string): Promise<string> {
  const { path = '', content = '', command = '' } = args;
  switch (name) {
    case 'listFiles':
      return reading.listFiles({ path });
    case 'readTextFile':
      return reading.readTextFile({ path });
    case 'writeTextFile':
      return changing.writeTextFile({ path, content });
    case 'runCommand':
      return changing.runCommand({ command }, idempotencyKey);
  }
}

function spent({ turns, tokens }: { turns: number; tokens: number } = { turns: 0, tokens: 0 }) {
  return { turns, tokens };
}

/** Stable over retries, restarts and replays: the same step of the same run always has the same key. */
function key(step: string): string {
  return `${workflowInfo().workflowId}/${step}`;
}
