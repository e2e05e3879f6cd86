import { join } from 'node:path';
import { parseOrRefuse } from '@pegasus-workflows/contracts';
import {
  subagentTaskSchema,
  type SubagentEvent,
  type SubagentTask,
} from '@pegasus-workflows/contracts/agents';
import { closeChild, openAccount, openChild, type Account, type WholeBudget } from '../budgets/ledger.js';
import { type PriceTable } from '../budgets/prices.js';
import { type Engine, type ToolCall } from '../engines/engine.js';
import { inTier, type Tier, type TierOutcome, type TierRequest } from '../isolation/tiers.js';
import { type EventLog } from '../log/event-log.js';
import { workspaceRoot } from '../paths/resolve.js';
import { foldOf, traitsOf } from '../paths/traits.js';
import { ceilingsOf, type Ceiling } from '../permissions/ceiling.js';
import { PermissionEngine, type Decision } from '../permissions/decide.js';
import { ROLE_PROFILES } from '../roles/registry.js';
import { CallJournal } from '../tools/journal.js';
import { type ToolPorts } from '../tools/tool.js';
import { Workspace } from '../tools/workspace.js';
import { attemptCall } from './attempt.js';
import { conversationOf, turnOf } from './conversation.js';
import { functionsFor } from './functions.js';
import { budgetOf, runDispatch, type Dispatched, type DispatchSteps } from './run.js';
import { systemOf } from './system.js';
import { mayDispatch } from './tools-of.js';

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
  /** `ceiling`: what the parent hands on. */
  parent?: { sessionId: string; ceiling?: Ceiling; account?: Account; depth?: number };
  /** Asks a person; without it nobody is asked. */
  ask?: (call: ToolCall, decision: Decision) => Promise<'approved' | 'refused'>;
  onEvent?: (event: SubagentEvent) => void;
  signal?: AbortSignal;
  /** What the role is told before its task. */
  system?: string;
  /** Most tokens that the model takes. */
  contextTokens?: number;
  answerTokens?: number;
  clock?: () => number;
  /** For tools that need more than the workspace. */
  ports?: ToolPorts;
  /** How a tier is opened, and what becomes of a worktree. */
  tier?: Pick<TierRequest, 'base' | 'merge' | 'leaseWaitMs' | 'onWait'>;
}

/** `parentAccount`: the parent's, with what the dispatch has spent. `tier`: what came of a worktree. */
export interface InProcessResult extends Dispatched {
  tier: TierOutcome;
  parentAccount?: Account;
}

const ANSWER_TOKENS = 8_192;

/** Throws VALIDATION_ERROR for what is no task, and for an isolation that there is not in process. */
export async function dispatchInProcess(options: InProcessDispatch): Promise<InProcessResult> {
  const task = parseOrRefuse(subagentTaskSchema, options.task, 'body');
  const now = (options.clock ?? Date.now)();
  const opened = openFor(options.parent?.account, task.id, budgetOf(task), now);
  const dispatched = await dispatchWith({ ...options, task }, opened.account);
  return { ...dispatched, ...opened.close(dispatched.account) };
}

/** One dispatch with what it may spend; its children come here again. */
async function dispatchWith(options: InProcessDispatch, account: Account): Promise<InProcessResult> {
  const { task, engine, prices, log, parent, ask, clock = Date.now } = options;
  const profile = ROLE_PROFILES[task.role];
  const { isolation } = profile;
  const root = await workspaceRoot(options.folder);
  const request = { ...task, isolation, attended: ask !== undefined };
  const { own, handedOn } = ceilingsOf(parent?.ceiling, request);
  const depth = parent?.depth ?? 0;
  const permissions = new PermissionEngine(own, foldOf(await traitsOf(join(root, '.pugi'))));
  const journal = new CallJournal(join(root, '.pugi', 'calls', encodeURIComponent(task.id)));
  const signal = options.signal ?? new AbortController().signal;
  const parts = { log, taskId: task.id, permissions, ceiling: own, journal, signal };
  const place = { ...options.tier, isolation, root, taskId: task.id, signal };
  const endTalk = (): Promise<void> | undefined => engine.conversations?.end(task.id);
  const dispatched = await inTier(place, (tier) =>
    runDispatch(
      {
        task,
        profile,
        parentSessionId: parent?.sessionId ?? task.id,
        account,
        prices,
        model: engine.model,
        system: options.system ?? systemOf(task),
        tools: functionsFor(
          engine,
          { isolation, isReadOnly: task.permissionMode === 'plan', depth },
          options.ports,
        ),
        answerTokens: options.answerTokens ?? ANSWER_TOKENS,
        ...(options.contextTokens === undefined ? {} : { contextTokens: options.contextTokens }),
      },
      {
        ...stepsOf(options, signal, clock, tier),
        turn: (request, { timeoutMs }) => {
          const until = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
          const about = () => conversationOf(task.id, new Workspace(tier.root), own, permissions);
          return turnOf(engine, request, about, until);
        },
        attempt: async (call, given) => {
          const attempt = await attemptCall(
            {
              ...parts,
              ...options.ports,
              workspace: new Workspace(tier.root, tier.stage),
              starter: tier.lease?.command.bind(tier.lease),
            },
            call,
            given,
          );
          // One that has lost the workspace has nothing to mend.
          if (attempt.outcome?.ok === false) await tier.check();
          return attempt;
        },
        ...(mayDispatch(isolation, depth)
          ? {
              dispatch: (child: SubagentTask, held: Account) => {
                const under = { sessionId: task.id, ceiling: handedOn, depth: depth + 1 };
                return dispatchWith({ ...options, task: child, parent: under }, held);
              },
            }
          : {}),
      },
    ).finally(endTalk),
  );
  await journal.clear();
  return dispatched;
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
  { log, ask, onEvent }: InProcessDispatch,
  signal: AbortSignal,
  clock: () => number,
  tier: Tier,
): Omit<DispatchSteps, 'attempt' | 'turn'> {
  return {
    now: clock,
    // Never asked for without somebody to answer: the ceiling says so.
    ask: ({ call, decision }) => ask!(call, decision),
    record: async (body) => {
      // Told as completed is only what is kept.
      if (body.kind === 'event' && body.event.type === 'subagent.completed') await tier.keep();
      await log.append(body);
      if (body.kind === 'event') onEvent?.(body.event);
    },
    checkpoint: () => Promise.resolve().then(() => signal.throwIfAborted()),
    isCancellation: () => signal.aborted,
  };
}
