import { join } from 'node:path';
import { parseOrRefuse, PegasusError } from '@pegasus-workflows/contracts';
import {
  subagentTaskSchema,
  type SubagentEvent,
  type SubagentTask,
} from '@pegasus-workflows/contracts/agents';
import { tighten } from 'pegasus-workflows-sdk/agents';
import { closeChild, openAccount, openChild, type Account, type WholeBudget } from '../budgets/ledger.js';
import { type PriceTable } from '../budgets/prices.js';
import { type Engine, type ToolCall } from '../engines/engine.js';
import { type EventLog } from '../log/event-log.js';
import { workspaceRoot } from '../paths/resolve.js';
import { foldOf, traitsOf } from '../paths/traits.js';
import { ceilingOf, childCeiling, type Ceiling } from '../permissions/ceiling.js';
import { PermissionEngine, type Decision } from '../permissions/decide.js';
import { ROLE_PROFILES } from '../roles/registry.js';
import { CallJournal } from '../tools/journal.js';
import { type Reads } from '../tools/reads.js';
import { ToolError } from '../tools/tool-error.js';
import { functionSchemas, judge, type JudgedCall } from '../tools/toolbox.js';
import { Workspace } from '../tools/workspace.js';
import { runDispatch, toolsOf, type Attempt, type Dispatched, type DispatchSteps } from './run.js';

/**
 * Job: a dispatch in this very process, for a developer without a platform.
 *
 * Boundary: one workspace, whose event log the caller has opened. That log has one writer, and every call is written
 * there before it is made: so there is one process that writes the workspace, and one that has lost its place makes no
 * call any more. What dies with the process is lost; a durable dispatch is a workflow's.
 */
export interface InProcessDispatch {
  task: SubagentTask;
  /** The workspace. */
  folder: string;
  engine: Engine;
  prices: PriceTable;
  /** Opened in the workspace's `.pugi`. */
  log: EventLog;
  parent?: { sessionId: string; ceiling?: Ceiling; account?: Account };
  /** Asks a person; without it nobody is asked. */
  ask?: (call: ToolCall, decision: Decision) => Promise<'approved' | 'refused'>;
  onEvent?: (event: SubagentEvent) => void;
  signal?: AbortSignal;
  /** What the role is told before its task. */
  system?: string;
  answerTokens?: number;
  clock?: () => number;
}

/** `parentAccount`: the parent's, with what the dispatch has spent. */
export interface InProcessResult extends Dispatched {
  parentAccount?: Account;
}

const ANSWER_TOKENS = 8_192;
const NOT_HERE: ReadonlySet<string> = new Set(['worktree', 'remote_vm']);

/** Throws VALIDATION_ERROR for what is no task, and for an isolation that there is not in process. */
export async function dispatchInProcess(options: InProcessDispatch): Promise<InProcessResult> {
  const { engine, prices, log, parent, ask, clock = Date.now } = options;
  const task = parseOrRefuse(subagentTaskSchema, options.task, 'body');
  const profile = ROLE_PROFILES[task.role];
  const { isolation } = profile;
  if (NOT_HERE.has(isolation)) {
    throw new PegasusError(
      'VALIDATION_ERROR',
      `role: ${task.role} works in a ${isolation}, which is not there in process.`,
    );
  }
  const root = await workspaceRoot(options.folder);
  const request = { ...task, isolation, attended: ask !== undefined };
  const ceiling = parent?.ceiling ? childCeiling(parent.ceiling, request) : ceilingOf(request);
  const budget = { ...profile.budget, ...tighten(profile.budget, task.budget) } as WholeBudget;
  const opened = openFor(parent?.account, task.id, budget, clock());
  const tools = functionSchemas(toolsOf(isolation, task.permissionMode === 'plan'));
  const permissions = new PermissionEngine(ceiling, foldOf(await traitsOf(join(root, '.pugi'))));
  const journal = new CallJournal(join(root, '.pugi', 'calls', encodeURIComponent(task.id)));
  const signal = options.signal ?? new AbortController().signal;
  const attempt = attempts({
    log,
    taskId: task.id,
    workspace: new Workspace(root),
    permissions,
    journal,
    signal,
  });
  const dispatched = await runDispatch(
    {
      task,
      profile,
      parentSessionId: parent?.sessionId ?? task.id,
      account: opened.account,
      prices,
      model: engine.model,
      system: options.system ?? systemOf(task),
      tools,
      answerTokens: options.answerTokens ?? ANSWER_TOKENS,
    },
    { ...stepsOf(options, signal, clock), attempt },
  );
  await journal.clear();
  return { ...dispatched, ...opened.close(dispatched.account) };
}

function openFor(
  parent: Account | undefined,
  id: string,
  budget: WholeBudget,
  now: number,
): { account: Account; close: (spent: Account) => { parentAccount?: Account } } {
  if (!parent) return { account: openAccount(budget, now), close: () => ({}) };
  const opened = openChild(parent, id, budget, now);
  if ('exhausted' in opened) {
    // An account in which nothing is: its first call is refused.
    const wallClockMs = parent.caps.deadline - now;
    return {
      account: openAccount({ tokens: 0, dollars: 0, wallClockMs }, now),
      close: () => ({ parentAccount: parent }),
    };
  }
  return {
    account: opened.child,
    close: (spent) => ({ parentAccount: closeChild(opened.account, id, spent) }),
  };
}

function stepsOf(
  { engine, log, ask, onEvent }: InProcessDispatch,
  signal: AbortSignal,
  clock: () => number,
): Omit<DispatchSteps, 'attempt'> {
  return {
    now: clock,
    turn: (request, { timeoutMs }) =>
      engine.turn(request, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])),
    // Never asked for without somebody to answer: the ceiling says so.
    ask: (call, decision) => ask!(call, decision),
    record: async (body) => {
      await log.append(body);
      if (body.kind === 'event') onEvent?.(body.event);
    },
    checkCancelled: () => signal.throwIfAborted(),
    isCancellation: () => signal.aborted,
  };
}

interface AttemptParts {
  log: EventLog;
  taskId: string;
  workspace: Workspace;
  permissions: PermissionEngine;
  journal: CallJournal;
  signal: AbortSignal;
}

/** Judges calls and makes them; each is in the log before it is made. */
function attempts({ log, taskId, ...parts }: AttemptParts): DispatchSteps['attempt'] {
  return async (call: ToolCall, reads: Reads, approved?: string): Promise<Attempt> => {
    const refused = (error: ToolError, writes: readonly string[], given: unknown): Attempt => ({
      arguments: given,
      outcome: { ok: false, text: error.message, writes, filesChanged: [], reads },
      ...(error.code === 'NO_TOOL' ? { isUnavailable: true } : {}),
    });
    let judged: JudgedCall;
    try {
      judged = await judge(call.name, call.arguments, { ...parts, reads, callId: call.id });
    } catch (error) {
      if (error instanceof ToolError) return refused(error, [], call.arguments);
      throw error;
    }
    const { decision, effects, writes } = judged;
    const { verdict, rule, why } = decision;
    const said = { toolCallId: call.id, toolName: call.name, decision: verdict, rule };
    await log.append({ kind: 'call', taskId, decision: said, arguments: judged.arguments, why });
    const told = { decision, effects, arguments: judged.arguments };
    if (verdict === 'deny' || (verdict === 'ask' && approved !== effects)) return told;
    try {
      const { text, filesChanged, reads: after } = await judged.run();
      return { ...told, outcome: { ok: true, text, writes, filesChanged, reads: after } };
    } catch (error) {
      if (error instanceof ToolError) return { ...told, ...refused(error, writes, judged.arguments) };
      throw error;
    }
  };
}

function systemOf({ role }: SubagentTask): string {
  return [
    `You are a coding agent in the role of a ${role.replace('_', ' ')}.`,
    'Work in the workspace with the tools that you have. Read a file before you change it.',
    'When you are done, answer with a short summary of what you did and what you found, and call no tool.',
  ].join(' ');
}
