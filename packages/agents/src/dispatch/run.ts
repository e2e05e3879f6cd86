import {
  AGENT_TOOLS,
  printableLine,
  type AgentTool,
  type BlockedReason,
  type PermissionDecision,
  type SubagentEvent,
  type SubagentResult,
  type SubagentTask,
} from '@pegasus-workflows/contracts/agents';
import { nextInput } from '../budgets/estimate.js';
import { grantCall, settleCall, type Account, type Grant } from '../budgets/ledger.js';
import { type PriceTable } from '../budgets/prices.js';
import { EngineError, type Message, type ToolCall, type Turn, type TurnRequest } from '../engines/engine.js';
import { type LogBody } from '../log/records.js';
import { type Decision } from '../permissions/decide.js';
import { type RoleProfile } from '../roles/registry.js';
import { type Reads } from '../tools/reads.js';

/**
 * Job: one dispatch, from its task to its result.
 *
 * Boundary: everything that takes time, may fail or looks at the world is a step of {@link DispatchSteps}; what is here
 * follows from their answers alone, so that a workflow can replay it. In process the steps are plain calls.
 *
 * Invariants
 * 1. There is one result, whatever a step does: what is thrown becomes `failed`, a cancellation `cancelled`. Only a log that
 *    takes nothing any more is thrown: there is nobody left to tell.
 * 2. No call of a model is made that its account has not granted, and each is settled with what it used.
 * 3. A call of a tool is written down by its step, with its arguments and what was said of it, before it has any effect;
 *    and the wire is told its name alone.
 * 4. A call that is denied, or asked for and refused, ends the dispatch as `blocked`; nothing after it is done.
 * 5. `shipped` is a final answer after which no write has failed for good.
 */
export interface DispatchSteps {
  /** Epoch milliseconds. */
  now(): number;
  /** Rejects when the model does not answer. */
  turn(request: TurnRequest, grant: Grant): Promise<Turn>;
  /**
   * Judges a call, and makes it where that is allowed. `approved` is the {@link Attempt.effects} that somebody has
   * approved: a call that would do something else by now is judged anew.
   */
  attempt(call: ToolCall, reads: Reads, approved?: string): Promise<Attempt>;
  /** What a person says of a call; only when the ceiling says that there is one. */
  ask(call: ToolCall, decision: Decision): Promise<'approved' | 'refused'>;
  /** Writes it down; resolves once it is. */
  record(body: LogBody): Promise<void>;
  /** Throws when the dispatch is cancelled. */
  checkCancelled(): void;
  /** Whether an error is that. */
  isCancellation(error: unknown): boolean;
}

export interface Attempt {
  /** `undefined`: the call cannot be understood, or there is no such tool. */
  decision?: Decision;
  /** Digest of what it would do. */
  effects?: string;
  arguments: unknown;
  /** What the model is told, once the call was made or could not be. */
  outcome?: {
    ok: boolean;
    text: string;
    writes: readonly string[];
    filesChanged: readonly string[];
    reads: Reads;
  };
  /** There is no tool of that name here. */
  isUnavailable?: boolean;
}

export interface DispatchPlan {
  task: SubagentTask;
  profile: RoleProfile;
  parentSessionId: string;
  account: Account;
  prices: PriceTable;
  model: string;
  system: string;
  tools: readonly object[];
  /** Most tokens of one answer. */
  answerTokens: number;
}

interface State {
  messages: Message[];
  /** Texts that the model has not been sent yet. */
  unsent: string[];
  counted: { in: number; out: number } | undefined;
  account: Account;
  reads: Reads;
  filesChanged: Set<string>;
  /** Files whose last write has failed. */
  failedWrites: Set<string>;
  decisions: PermissionDecision[];
  toolCallCount: number;
  turns: number;
}

class Blocked extends Error {
  constructor(
    readonly reason: BlockedReason,
    readonly detail: string,
  ) {
    super(detail);
  }
}

export interface Dispatched {
  result: SubagentResult;
  account: Account;
}

export async function runDispatch(plan: DispatchPlan, steps: DispatchSteps): Promise<Dispatched> {
  const startedAt = steps.now();
  const state = stateOf(plan);
  const { task, profile } = plan;
  const about = { taskId: task.id, role: task.role, personaSlug: profile.personaSlug };
  const tell = (event: Record<string, unknown> & { type: SubagentEvent['type'] }): Promise<void> => {
    const whole = { ...about, ...event, timestamp: new Date(steps.now()).toISOString() } as SubagentEvent;
    return steps.record({ kind: 'event', event: whole });
  };
  const counts = () => ({
    toolCallCount: state.toolCallCount,
    tokensIn: state.account.spent.tokensIn,
    tokensOut: state.account.spent.tokensOut,
    durationMs: steps.now() - startedAt,
  });
  const ended = (status: SubagentResult['status'], summary: string): Dispatched => {
    const filesChanged = [...state.filesChanged].sort();
    const permissionDecisions = state.decisions;
    const result = { ...about, status, summary, filesChanged, ...counts(), permissionDecisions };
    return { result, account: state.account };
  };
  const fail = async (error: unknown): Promise<Dispatched> => {
    const line = printableLine(messageOf(error)) || 'It failed without a word.';
    const stack = error instanceof Error && error.stack ? { stack: error.stack } : {};
    await steps.record({ kind: 'failure', taskId: task.id, error: line, ...stack });
    await tell({ type: 'subagent.failed', error: line });
    return ended('failed', line);
  };
  try {
    const { parentSessionId } = plan;
    await tell({ type: 'subagent.spawned', parentSessionId, isolation: profile.isolation });
    const answer = await converse(plan, steps, state, tell);
    if (state.failedWrites.size > 0)
      return await fail(
        new Error(`It ended with writes that failed: ${[...state.failedWrites].sort().join(', ')}`),
      );
    await tell({ type: 'subagent.completed', ...counts() });
    return ended('shipped', answer);
  } catch (error) {
    // Invariant 1.
    if (steps.isCancellation(error)) return ended('cancelled', 'It was cancelled.');
    if (!(error instanceof Blocked)) return fail(error);
    await tell({ type: 'subagent.blocked', reason: error.reason, detail: error.detail });
    return ended('blocked', error.detail);
  }
}

type Tell = (event: Record<string, unknown> & { type: SubagentEvent['type'] }) => Promise<void>;

/** Turn by turn until there is a final answer. */
async function converse(plan: DispatchPlan, steps: DispatchSteps, state: State, tell: Tell): Promise<string> {
  for (;;) {
    steps.checkCancelled();
    const turn = await askModel(plan, steps, state);
    const { text, toolCalls } = turn;
    state.messages.push({ role: 'assistant', content: text, toolCalls });
    if (toolCalls.length === 0) {
      if (turn.finish !== 'length') return text;
      throw new Blocked('budget_exhausted', 'The answer was longer than what was left to spend on it.');
    }
    for (const call of toolCalls) {
      steps.checkCancelled();
      const told = await makeCall(call, plan.task.id, steps, state, tell);
      state.messages.push({ role: 'tool', toolCallId: call.id, content: told });
      state.unsent.push(told);
    }
  }
}

/** Invariant 2. */
async function askModel(plan: DispatchPlan, steps: DispatchSteps, state: State): Promise<Turn> {
  const { model, prices, tools, answerTokens } = plan;
  state.turns += 1;
  const tokensIn = nextInput(state.counted, state.unsent);
  const request = { id: `turn ${state.turns}`, model, tokensIn, tokensOut: answerTokens };
  const granted = grantCall(state.account, prices, request, steps.now());
  if ('exhausted' in granted) throw new Blocked('budget_exhausted', granted.exhausted.detail);
  const { grant } = granted;
  const { messages } = state;
  let turn: Turn;
  try {
    turn = await steps.turn({ messages, tools, maxTokensOut: grant.maxTokensOut }, grant);
  } catch (error) {
    // Where it is not known what was used of it, all of it counts.
    const nothing = error instanceof EngineError && error.wasRefused;
    const usage = nothing ? { in: 0, out: 0 } : { in: tokensIn, out: grant.maxTokensOut };
    state.account = settleCall(granted.account, prices, grant, usage);
    throw error;
  }
  state.account = settleCall(granted.account, prices, grant, turn.usage);
  state.counted = turn.usage;
  state.unsent = [];
  return turn;
}

/** Invariants 3 and 4. Answers what the model is told. */
async function makeCall(
  call: ToolCall,
  taskId: string,
  steps: DispatchSteps,
  state: State,
  tell: Tell,
): Promise<string> {
  state.toolCallCount += 1;
  await tell({ type: 'subagent.tool_call', toolName: call.name || 'unknown', toolCallId: call.id });
  const judged = await steps.attempt(call, state.reads);
  if (judged.isUnavailable)
    throw new Blocked('tool_unavailable', `There is no tool ${JSON.stringify(call.name)} here.`);
  const { decision } = judged;
  let done = judged;
  if (decision) {
    const answer = decision.verdict === 'ask' ? await steps.ask(call, decision) : undefined;
    state.decisions.push({
      toolCallId: call.id,
      toolName: call.name,
      decision: decision.verdict,
      rule: decision.rule,
      ...(answer ? { answer } : {}),
    });
    if (decision.verdict === 'deny') throw refusal(decision);
    if (answer === 'refused')
      throw new Blocked('permission_denied', `It was asked for, and refused. ${decision.why}`);
    if (answer) done = await steps.attempt(call, state.reads, judged.effects);
    if (done.decision?.verdict === 'deny') throw refusal(done.decision);
  }
  const outcome = done.outcome ?? {
    ok: false,
    text: 'What the call would do has changed since it was approved; it was not made.',
    writes: [],
    filesChanged: [],
    reads: state.reads,
  };
  state.reads = outcome.reads;
  for (const path of outcome.filesChanged) state.filesChanged.add(path);
  for (const path of outcome.writes) {
    if (outcome.ok) state.failedWrites.delete(path);
    else state.failedWrites.add(path);
  }
  await steps.record({ kind: 'outcome', taskId, toolCallId: call.id, ok: outcome.ok, text: outcome.text });
  return outcome.ok ? outcome.text : `It was not done. ${outcome.text}`;
}

function refusal({ rule, why }: Decision): Blocked {
  return new Blocked(rule === 'mode:plan' ? 'plan_mode_refused' : 'permission_denied', `${why} (${rule})`);
}

function stateOf({ task, system, tools, account }: DispatchPlan): State {
  const messages: Message[] = [
    { role: 'system', content: system },
    { role: 'user', content: task.prompt },
  ];
  return {
    messages,
    unsent: [system, task.prompt, JSON.stringify(tools)],
    counted: undefined,
    account,
    reads: {},
    filesChanged: new Set(),
    failedWrites: new Set(),
    decisions: [],
    toolCallCount: 0,
    turns: 0,
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Tools of a tier: what it could never do is not even told to the model. */
export function toolsOf(isolation: RoleProfile['isolation'], isReadOnly: boolean): readonly AgentTool[] {
  if (isolation === 'prompt_only') return [];
  const reading: readonly AgentTool[] = ['read', 'grep', 'glob', 'fetch'];
  return isReadOnly || isolation === 'shared_fs_readonly' ? reading : AGENT_TOOLS;
}
