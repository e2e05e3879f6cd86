import { type PermissionDecision } from '@pegasus-workflows/contracts/agents';
import { nextInput } from '../budgets/estimate.js';
import { postpone, type Account } from '../budgets/ledger.js';
import { type Message } from '../engines/engine.js';
import { type Reads } from '../tools/reads.js';

/** How far a dispatch has come: plain JSON, so that a workflow that continues as new goes on with it. */
export interface DispatchState {
  startedAt: number;
  messages: Message[];
  /** Grows when messages before the last ones have changed: whoever keeps them needs all of them again. */
  generation: number;
  /** Texts that the model has not been sent yet. */
  unsent: string[];
  counted: { in: number; out: number } | undefined;
  account: Account;
  reads: Reads;
  filesChanged: string[];
  /** Files whose last write has failed. */
  failedWrites: string[];
  decisions: PermissionDecision[];
  toolCallCount: number;
  turns: number;
  children: number;
  /** Time that a person took, or that it was paused for: nobody's budget. Milliseconds. */
  waitedMs: number;
}

export function beginning(
  {
    system,
    prompt,
    tools,
    account,
  }: { system: string; prompt: string; tools: readonly object[]; account: Account },
  now: number,
): DispatchState {
  return {
    startedAt: now,
    messages: [
      { role: 'system', content: system },
      { role: 'user', content: prompt },
    ],
    generation: 0,
    unsent: [system, prompt, JSON.stringify(tools)],
    counted: undefined,
    account,
    reads: {},
    filesChanged: [],
    failedWrites: [],
    decisions: [],
    toolCallCount: 0,
    turns: 0,
    children: 0,
    waitedMs: 0,
  };
}

/** What was waited for takes no budget: the end of the time moves on. */
export function waited(state: DispatchState, ms: number): void {
  if (ms <= 0) return;
  state.waitedMs += ms;
  state.account = postpone(state.account, ms);
}

export function noteFiles(
  state: DispatchState,
  { ok, writes, filesChanged }: { ok: boolean; writes: readonly string[]; filesChanged: readonly string[] },
): void {
  state.filesChanged = [...new Set([...state.filesChanged, ...filesChanged])];
  const others = state.failedWrites.filter((path) => !writes.includes(path));
  state.failedWrites = ok ? others : [...new Set([...others, ...writes])];
}

/** A share of the context that is left free for what comes next, and the share that is kept of what was said. */
const FULL = 0.75;
const KEEP = 0.5;
/** Turns whose results are never taken out: the model is at work with them. */
const RECENT_TURNS = 2;
const TAKEN_OUT = 'This result was taken out to make room; call the tool again if you need it.';

/**
 * Makes room: where the next call would fill most of the model's context, the oldest results of tools are replaced by a
 * line that says so, until half of the text is left. What was asked and what the model said stay.
 * @param contextTokens what the model takes at most
 */
export function trim(state: DispatchState, contextTokens: number): void {
  if (nextInput(state.counted, state.unsent) < contextTokens * FULL) return;
  const sizes = state.messages.map(({ content }) => content.length);
  let surplus = sizes.reduce((sum, size) => sum + size, 0) * (1 - KEEP);
  const recent = recentFrom(state.messages);
  let hasTaken = false;
  state.messages = state.messages.map((message, at) => {
    if (surplus <= 0 || at >= recent || message.role !== 'tool') return message;
    if (message.content.length <= TAKEN_OUT.length) return message;
    surplus -= message.content.length - TAKEN_OUT.length;
    hasTaken = true;
    return { ...message, content: TAKEN_OUT };
  });
  if (hasTaken) state.generation += 1;
}

function recentFrom(messages: readonly Message[]): number {
  const answers = messages.flatMap(({ role }, at) => (role === 'assistant' ? [at] : []));
  return answers.at(-RECENT_TURNS) ?? 0;
}
