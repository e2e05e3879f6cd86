import {
  printableLine,
  type BlockedReason,
  type SubagentEvent,
  type SubagentResult,
  type SubagentTask,
} from '@pegasus-workflows/contracts/agents';
import { tighten } from 'pegasus-workflows-sdk/agents';
import { nextInput } from '../budgets/estimate.js';
import {
  closeChild,
  grantCall,
  openChild,
  restOf,
  settleCall,
  type Account,
  type Grant,
  type WholeBudget,
} from '../budgets/ledger.js';
import { MICRO, type PriceTable } from '../budgets/prices.js';
import { messageOf } from '../error-text.js';
import { EngineError, type ToolCall, type Turn, type TurnRequest } from '../engines/engine.js';
import type { LogBody } from '../log/records.js';
import { type Decision } from '../permissions/decide.js';
import { ROLE_PROFILES, type RoleProfile } from '../roles/registry.js';
import { type Reads } from '../tools/reads.js';
import { childTask, CHILDREN_MAX, DISPATCH_FUNCTION, toldOf } from './children.js';
import { beginning, noteFiles, trim, waited, type DispatchState } from './state.js';

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
 * 6. Calls that only read are made at once, as are children; whatever may write is made alone. What is told, counted and
 *    remembered of them is in the order of the calls.
 * 7. Time that a person takes is nobody's budget.
 */
export interface DispatchSteps {
  /** Epoch milliseconds. */
  now(): number;
  /** Rejects when the model does not answer. */
  turn(request: TurnRequest, grant: Grant, state: DispatchState): Promise<Turn>;
  /**
   * Judges a call, and makes it where that is allowed.
   */
  attempt(call: ToolCall, given: AttemptGiven): Promise<Attempt>;
  /** What a person says of a call; only when the ceiling says that there is one. */
  ask(question: AskedOf): Promise<'approved' | 'refused'>;
  /** Writes it down, before the next step has any effect. */
  record(body: LogBody): Promise<void>;
  /** Between two steps: waits while it is paused, and throws when it is cancelled. */
  checkpoint(): Promise<void>;
  /** Between two turns: where a workflow may go on as a new run, by throwing what {@link isEnd} knows. */
  turned?(state: DispatchState): Promise<void>;
  /** Whether an error is a cancellation. */
  isCancellation(error: unknown): boolean;
  /** Whether an error is to be passed on as it is: the dispatch goes on elsewhere. */
  isEnd?(error: unknown): boolean;
  /** Runs a child to its result, under the meet of its ceiling and this one's. Absent: it may have none. */
  dispatch?(task: SubagentTask, account: Account): Promise<Dispatched>;
}

export interface AttemptGiven {
  /** Names the call within its dispatch, whatever the model calls it. */
  key: string;
  reads: Reads;
  /**
   * The {@link Attempt.effects} that somebody has approved: a call that would do something else by now is judged anew.
   */
  approved?: string;
}

export interface AskedOf {
  call: ToolCall;
  key: string;
  decision: Decision;
  /** The call's, parsed. */
  arguments: unknown;
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
    /** What it has read, or written. */
    reads: Reads;
  };
  /** There is no tool of that name here. */
  isUnavailable?: boolean;
  /** How long it had to wait for another writer. Milliseconds. */
  waitedMs?: number;
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
  /** Most tokens that the model takes; results of tools are taken out before. No limit when absent. */
  contextTokens?: number;
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
  /** Of that time, what a person took. Milliseconds. */
  waitedMs: number;
}

/** @param from where another run of the same dispatch has left it */
export async function runDispatch(
  plan: DispatchPlan,
  steps: DispatchSteps,
  from?: DispatchState,
): Promise<Dispatched> {
  const { task, profile } = plan;
  const state =
    from ??
    beginning(
      { system: plan.system, prompt: task.prompt, tools: plan.tools, account: plan.account },
      steps.now(),
    );
  const about = { taskId: task.id, role: task.role, personaSlug: profile.personaSlug };
  const tell: Tell = (event) => {
    const whole = { ...about, ...event, timestamp: new Date(steps.now()).toISOString() } as SubagentEvent;
    return steps.record({ kind: 'event', event: whole });
  };
  const counts = () => ({
    toolCallCount: state.toolCallCount,
    tokensIn: state.account.spent.tokensIn,
    tokensOut: state.account.spent.tokensOut,
    durationMs: steps.now() - state.startedAt,
  });
  const ended = (status: SubagentResult['status'], summary: string): Dispatched => {
    const filesChanged = [...state.filesChanged].sort();
    const permissionDecisions = state.decisions;
    const result = { ...about, status, summary, filesChanged, ...counts(), permissionDecisions };
    return { result, account: state.account, waitedMs: state.waitedMs };
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
    if (!from) await tell({ type: 'subagent.spawned', parentSessionId, isolation: profile.isolation });
    const answer = await converse(plan, steps, state, tell);
    if (state.failedWrites.length > 0)
      return await fail(
        new Error(`It ended with writes that failed: ${[...state.failedWrites].sort().join(', ')}`),
      );
    await tell({ type: 'subagent.completed', ...counts() });
    return ended('shipped', answer);
  } catch (error) {
    if (steps.isEnd?.(error)) throw error;
    // Invariant 1.
    if (steps.isCancellation(error)) return ended('cancelled', 'It was cancelled.');
    if (!(error instanceof Blocked)) return fail(error);
    await tell({ type: 'subagent.blocked', reason: error.reason, detail: error.detail });
    return ended('blocked', error.detail);
  }
}

type Tell = (event: Record<string, unknown> & { type: SubagentEvent['type'] }) => Promise<void>;

/** Turn by turn until there is a final answer. */
async function converse(
  plan: DispatchPlan,
  steps: DispatchSteps,
  state: DispatchState,
  tell: Tell,
): Promise<string> {
  for (;;) {
    await pausable(steps, state);
    await steps.turned?.(state);
    const { text, toolCalls, finish } = await askModel(plan, steps, state);
    state.messages.push({ role: 'assistant', content: text, toolCalls });
    if (toolCalls.length === 0) {
      if (finish !== 'length') return text;
      throw new Blocked('budget_exhausted', 'The answer was longer than what was left to spend on it.');
    }
    for (const together of groupsOf(toolCalls)) {
      await pausable(steps, state);
      await makeCalls(together, plan, steps, state, tell);
    }
  }
}

async function pausable(steps: DispatchSteps, state: DispatchState): Promise<void> {
  const from = steps.now();
  await steps.checkpoint();
  waited(state, steps.now() - from);
}

/** Invariant 2. */
async function askModel(plan: DispatchPlan, steps: DispatchSteps, state: DispatchState): Promise<Turn> {
  const { model, prices, tools, answerTokens, contextTokens } = plan;
  if (contextTokens !== undefined) trim(state, contextTokens);
  state.turns += 1;
  const tokensIn = nextInput(state.counted, state.unsent);
  const request = { id: `turn ${state.turns}`, model, tokensIn, tokensOut: answerTokens };
  const granted = grantCall(state.account, prices, request, steps.now());
  if ('exhausted' in granted) throw new Blocked('budget_exhausted', granted.exhausted.detail);
  const { grant } = granted;
  const { messages } = state;
  let turn: Turn;
  try {
    const { maxTokensOut, timeoutMs } = grant;
    turn = await steps.turn({ messages, tools, maxTokensOut, timeoutMs }, grant, state);
  } catch (error) {
    // Where it is not known what was used of it, all of it counts.
    const nothing = error instanceof EngineError && error.wasRefused;
    const usage = nothing ? { in: 0, out: 0 } : { in: tokensIn, out: grant.maxTokensOut };
    state.account = settleCall(granted.account, prices, grant, usage);
    if (!steps.isCancellation(error) && steps.now() >= state.account.caps.deadline)
      throw new Blocked('budget_exhausted', 'Its time is up, and the model had not answered.');
    throw error;
  }
  state.account = settleCall(granted.account, prices, grant, turn.usage);
  state.counted = turn.usage;
  state.unsent = [];
  return turn;
}

/** Tools that change nothing, whatever they are given. */
const READING: ReadonlySet<string> = new Set(['read', 'grep', 'glob', DISPATCH_FUNCTION]);

/** Invariant 6: calls that follow one another and may be made at once. */
function groupsOf(calls: readonly ToolCall[]): ToolCall[][] {
  const groups: ToolCall[][] = [];
  for (const call of calls) {
    const last = groups.at(-1);
    if (last && READING.has(call.name) && READING.has(last[0]!.name)) last.push(call);
    else groups.push([call]);
  }
  return groups;
}

type Outcome = NonNullable<Attempt['outcome']>;

/** What is known of a call while others are made beside it. */
interface Noted {
  decision?: DispatchState['decisions'][number];
  waitedMs: number;
}

/** Invariant 6. All of them end before anything of them is known, also where one is denied. */
async function makeCalls(
  calls: readonly ToolCall[],
  plan: DispatchPlan,
  steps: DispatchSteps,
  state: DispatchState,
  tell: Tell,
): Promise<void> {
  for (const { name, id } of calls) {
    state.toolCallCount += 1;
    await tell({ type: 'subagent.tool_call', toolName: name || 'unknown', toolCallId: id });
  }
  // Of this turn's calls, those that were made before these.
  const before = state.messages.length - state.messages.findLastIndex(({ role }) => role === 'assistant');
  const noted = calls.map((): Noted => ({ waitedMs: 0 }));
  const settled = await Promise.allSettled(
    calls.map((call, at) => {
      if (call.name === DISPATCH_FUNCTION && steps.dispatch)
        return handOn(call, plan, steps.dispatch.bind(steps), steps, state, {
          noted: noted[at]!,
          // What is left is for this one and those that are yet to begin.
          sharers: calls.slice(at).filter(({ name }) => name === DISPATCH_FUNCTION).length,
        });
      return makeCall(call, `${state.turns}.${at + before}`, steps, state, noted[at]!);
    }),
  );
  // They were waited for at the same time.
  waited(state, Math.max(...noted.map(({ waitedMs }) => waitedMs)));
  for (const { decision } of noted) if (decision) state.decisions.push(decision);
  for (const [at, made] of settled.entries()) {
    if (made.status === 'rejected') throw made.reason;
    const { id: toolCallId } = calls[at]!;
    const { ok, text, reads } = made.value;
    state.reads = { ...state.reads, ...reads };
    noteFiles(state, made.value);
    await steps.record({ kind: 'outcome', taskId: plan.task.id, toolCallId, ok, text });
    const content = ok ? text : `It was not done. ${text}`;
    state.messages.push({ role: 'tool', toolCallId, content, ...(ok ? {} : { failed: true }) });
    state.unsent.push(content);
  }
}

/** Invariants 3 and 4. */
async function makeCall(
  call: ToolCall,
  key: string,
  steps: DispatchSteps,
  state: DispatchState,
  noted: Noted,
): Promise<Outcome> {
  const judged = await steps.attempt(call, { key, reads: state.reads });
  noted.waitedMs += judged.waitedMs ?? 0;
  if (judged.isUnavailable)
    throw new Blocked('tool_unavailable', `There is no tool ${JSON.stringify(call.name)} here.`);
  const { decision } = judged;
  let done = judged;
  if (decision) {
    const asked =
      decision.verdict === 'ask'
        ? await askPerson({ call, key, decision, arguments: judged.arguments }, steps, noted)
        : undefined;
    const { id: toolCallId, name: toolName } = call;
    const { verdict, rule } = decision;
    noted.decision = { toolCallId, toolName, decision: verdict, rule, ...(asked ? { answer: asked } : {}) };
    if (verdict === 'deny') throw refusal(decision);
    if (asked === 'refused')
      throw new Blocked('permission_denied', `It was asked for, and refused. ${decision.why}`);
    if (asked && judged.effects !== undefined)
      done = await steps.attempt(call, { key, reads: state.reads, approved: judged.effects });
    if (done !== judged) noted.waitedMs += done.waitedMs ?? 0;
    if (done.decision?.verdict === 'deny') throw refusal(done.decision);
  }
  return (
    done.outcome ?? {
      ok: false,
      text: 'What the call would do has changed since it was approved; it was not made.',
      writes: [],
      filesChanged: [],
      reads: {},
    }
  );
}

/** Invariant 7. */
async function askPerson(
  question: AskedOf,
  steps: DispatchSteps,
  noted: Noted,
): Promise<'approved' | 'refused'> {
  const from = steps.now();
  const answer = await steps.ask(question);
  noted.waitedMs += steps.now() - from;
  return answer;
}

/** A call that hands a task on: what the child may spend is held back here until it has ended. */
async function handOn(
  call: ToolCall,
  { task }: DispatchPlan,
  dispatch: NonNullable<DispatchSteps['dispatch']>,
  steps: DispatchSteps,
  state: DispatchState,
  { noted, sharers }: { noted: Noted; sharers: number },
): Promise<Outcome> {
  const said = (ok: boolean, text: string, filesChanged: readonly string[] = []): Outcome => ({
    ok,
    text,
    writes: [],
    filesChanged,
    reads: {},
  });
  if (state.children >= CHILDREN_MAX)
    return said(false, `There have been ${CHILDREN_MAX} subagents already, which is the limit.`);
  const child = childTask(call, task.id, state.children + 1);
  if (typeof child === 'string') return said(false, child);
  const budget = shareOf(budgetOf(child), state.account, sharers);
  const opened = openChild(state.account, child.id, budget, steps.now());
  if ('exhausted' in opened) return said(false, opened.exhausted.detail);
  state.children += 1;
  state.account = opened.account;
  const { result, account, waitedMs } = await dispatch(child, opened.child);
  state.account = closeChild(state.account, child.id, account);
  noted.waitedMs = waitedMs;
  return said(true, toldOf(result), result.filesChanged);
}

/** Children that begin at once have equal parts of what is left, at most. */
function shareOf(budget: WholeBudget, account: Account, sharers: number): WholeBudget {
  const { tokens, cost } = restOf(account);
  return {
    ...budget,
    tokens: Math.min(budget.tokens, Math.floor(tokens / sharers)),
    dollars: Math.min(budget.dollars, cost / MICRO / sharers),
  };
}

/** A role's budget, tightened by its task's. */
export function budgetOf({ role, budget }: SubagentTask): WholeBudget {
  const own = ROLE_PROFILES[role].budget;
  return { ...own, ...tighten(own, budget) } as WholeBudget;
}

function refusal({ rule, why }: Decision): Blocked {
  return new Blocked(rule === 'mode:plan' ? 'plan_mode_refused' : 'permission_denied', `${why} (${rule})`);
}
