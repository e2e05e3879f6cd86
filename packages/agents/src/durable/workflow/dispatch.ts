import {
  dispatchQuestionSchema,
  type DispatchQuestion,
  type DispatchReport,
  type DispatchRun,
} from '@pegasus-workflows/contracts';
import { printableLine, type SubagentResult, type SubagentTask } from '@pegasus-workflows/contracts/agents';
import {
  CancellationScope,
  ContinueAsNew,
  continueAsNew,
  isCancellation,
  workflowInfo,
} from '@temporalio/workflow';
import { openAccount, type Account, type Grant } from '../../budgets/ledger.js';
import {
  budgetOf,
  runDispatch,
  type AskedOf,
  type Dispatched,
  type DispatchSteps,
} from '../../dispatch/run.js';
import { type DispatchState } from '../../dispatch/state.js';
import { FILE_WRITING, mayDispatch, tierInCopy } from '../../dispatch/tools-of.js';
import { type Turn, type TurnRequest } from '../../engines/engine.js';
import { messageOf } from '../../error-text.js';
import type { LogBody } from '../../log/records.js';
import { ceilingsOf, type Ceiling } from '../../permissions/ceiling.js';
import { ROLE_PROFILES, type RoleProfile } from '../../roles/registry.js';
import {
  type DispatchActivities,
  type ModelInput,
  type NumberedRecord,
  type Opened,
  type Where,
} from '../protocol.js';
import {
  activities,
  FIRST_HEARTBEAT_MS,
  asEngineError,
  isTranscriptNeeded,
  OPEN_MS,
  CALL_MS,
  plainly,
} from './activities.js';
import { bringBack, handOver, awayBounds, type Away } from './away.js';
import { Controls } from './controls.js';
import { Journal } from './journal.js';

/**
 * Job: a dispatch that survives the loss of every process: the loop of `dispatch/run.ts`, whose steps are activities of
 * the host that has the workspace. A child that an agent dispatches runs inside of the same workflow.
 *
 * Boundary: inside of the workflow's sandbox: nothing but what its steps answer. Signals are `controls.ts`, what is
 * written down `journal.ts`.
 *
 * Invariants
 * 1. It completes with a result, also when it is cancelled or its host refuses; it fails for an error of this code alone.
 * 2. After a crash it goes on after the last step whose answer is in its history.
 * 3. What an ancestor's ceiling denies is denied: a child's is the meet, made here and given to each call as data.
 * 4. The run's history is bounded: it goes on as a new run between two turns, with what it knows.
 */
export interface Continued {
  opened: Opened;
  state: DispatchState;
  lastRecord: number;
  used: Used;
  isPaused: boolean;
  /** Where it is worked on, when not in its workspace. */
  away?: Away;
}

/** What the whole dispatch has used, children included, as far as it is settled. */
interface Used {
  tokensIn: number;
  tokensOut: number;
}

const ARGUMENTS_MAX = 20_000;

export async function pegasusDispatch(run: DispatchRun, from?: Continued): Promise<SubagentResult> {
  return new DurableDispatch(run, from).result();
}

class DurableDispatch {
  readonly #controls: Controls;
  readonly #journal: Journal;
  readonly #used: Used;
  /** The host's, once it is known. */
  #heartbeatMs = FIRST_HEARTBEAT_MS;
  /** Set once another host has a copy of the workspace. */
  #away: Away | undefined;

  constructor(
    private readonly run: DispatchRun,
    private readonly from: Continued | undefined,
  ) {
    this.#controls = new Controls(from?.isPaused);
    this.#journal = new Journal(from?.lastRecord);
    this.#used = from?.used ?? { tokensIn: 0, tokensOut: 0 };
    this.#away = from?.away;
  }

  async result(): Promise<SubagentResult> {
    const { task } = this.run;
    const account = openAccount(budgetOf(task), Date.now());
    const { result } = await this.#dispatch(task, account, undefined, 0, this.run.parentSessionId);
    return result;
  }

  /** One task, from its opening to its result. */
  async #dispatch(
    task: SubagentTask,
    account: Account,
    parent: Ceiling | undefined,
    depth: number,
    parentSessionId: string,
  ): Promise<Dispatched> {
    const where = this.#where(task);
    const from = depth === 0 ? this.from : undefined;
    let opened: Opened;
    try {
      opened = from?.opened ?? (await this.#open(where, task, depth));
    } catch (error) {
      return this.#neverOpened(task, account, error, where, depth);
    }
    this.#heartbeatMs = opened.heartbeatTimeoutMs;
    const { isolation } = where;
    const { own, handedOn } = ceilingsOf(parent, { ...task, isolation, attended: true });
    const { model, prices, system, tools, answerTokens, contextTokens } = opened;
    const plan = {
      task,
      profile: this.#profile(task, depth),
      parentSessionId,
      account,
      prices,
      model,
      system,
      tools,
      answerTokens,
      contextTokens,
    };
    const steps: DispatchSteps = this.#steps(where, own, opened);
    if (mayDispatch(isolation, depth))
      steps.dispatch = (child, held) => this.#dispatch(child, held, handedOn, depth + 1, task.id);
    if (depth === 0) steps.turned = (state) => this.#continueAsNew(where, opened, state);
    const dispatched = await runDispatch(plan, steps, from?.state);
    return { ...dispatched, result: await this.#close(where, dispatched.result, depth) };
  }

  /** Whoever works on it. */
  #host(startToCloseTimeout: number, scheduleToStartTimeout?: number): DispatchActivities {
    const bounds = { startToCloseTimeout, heartbeatTimeout: this.#heartbeatMs, scheduleToStartTimeout };
    return activities(this.#away ? awayBounds(this.#away, bounds) : bounds);
  }

  #where({ id: taskId, role }: SubagentTask): Where {
    const { tenantId, workspace, dispatchId } = this.run;
    const { isolation } = ROLE_PROFILES[role];
    const tier = this.run.isolation === 'remote_vm' ? tierInCopy(isolation) : isolation;
    return { tenantId, workspace, dispatchId, taskId, isolation: tier };
  }

  /** What watchers are told of the role. */
  #profile({ role }: SubagentTask, depth: number): RoleProfile {
    const profile = ROLE_PROFILES[role];
    return this.#away && depth === 0 ? { ...profile, isolation: 'remote_vm' } : profile;
  }

  async #open(where: Where, task: SubagentTask, depth: number): Promise<Opened> {
    const { model, isolation } = this.run;
    if (isolation === 'remote_vm') this.#away ??= await handOver(where, model);
    const { openDispatch } = this.#host(OPEN_MS);
    return plainly(openDispatch({ where, task, model, depth }));
  }

  /** Invariant 1: there was nothing to do it with. */
  async #neverOpened(
    task: SubagentTask,
    account: Account,
    error: unknown,
    where: Where,
    depth: number,
  ): Promise<Dispatched> {
    const { personaSlug } = ROLE_PROFILES[task.role];
    const cancelled = isCancellation(error);
    const summary = cancelled
      ? 'It was cancelled.'
      : printableLine(messageOf(error)) || 'It could not begin.';
    const about = { taskId: task.id, role: task.role, personaSlug };
    const result: SubagentResult = {
      ...about,
      status: cancelled ? 'cancelled' : 'failed',
      summary,
      filesChanged: [],
      toolCallCount: 0,
      tokensIn: 0,
      tokensOut: 0,
      durationMs: 0,
    };
    if (!cancelled) {
      const timestamp = new Date(Date.now()).toISOString();
      this.#journal.add({ kind: 'failure', taskId: task.id, error: summary });
      this.#journal.add({
        kind: 'event',
        event: { type: 'subagent.failed', ...about, error: summary, timestamp },
      });
    }
    if (depth === 0) this.#journal.add(this.#status('ENDED', null, result));
    await CancellationScope.nonCancellable(() => this.#flush(where));
    return { result, account, waitedMs: 0 };
  }

  #steps(where: Where, ceiling: Ceiling, { keepsConversation }: Opened): Omit<DispatchSteps, 'dispatch'> {
    const known = { generation: -1, count: 0 };
    const about = { where, ...(keepsConversation ? { ceiling } : {}) };
    return {
      now: () => Date.now(),
      record: (body) => Promise.resolve(void this.#journal.add(body)),
      isCancellation,
      isEnd: (error) => error instanceof ContinueAsNew,
      checkpoint: () => this.#checkpoint(where),
      ask: (question) => this.#controls.alone(() => this.#ask(where, question)),
      turn: async (request, grant, state) => {
        const turn = await this.#turn(about, request, grant, state, known);
        this.#used.tokensIn += turn.usage.in;
        this.#used.tokensOut += turn.usage.out;
        return turn;
      },
      attempt: (call, { key, reads, approved }) =>
        this.#sending((records) =>
          this.#host(CALL_MS).attemptCall({
            where,
            records,
            call,
            key,
            ceiling,
            // Whoever does not write has no use for what was read.
            reads: FILE_WRITING.has(call.name) ? reads : {},
            ...(approved === undefined ? {} : { approved }),
          }),
        ),
    };
  }

  /** The host keeps the messages, so that each goes to it once; one that has lost them is told all of them. */
  async #turn(
    about: Pick<ModelInput, 'where' | 'ceiling'>,
    request: TurnRequest,
    { maxTokensOut, timeoutMs, model }: Grant,
    state: DispatchState,
    known: { generation: number; count: number },
  ): Promise<Turn> {
    const { askModel } = this.#host(timeoutMs + OPEN_MS);
    const { generation } = state;
    const ask = (from: number): Promise<Turn> =>
      this.#sending((records) =>
        askModel({
          ...about,
          records,
          model,
          turn: state.turns,
          transcript: { generation, from, messages: request.messages.slice(from) },
          tools: from > 0 ? 'as before' : request.tools,
          maxTokensOut,
          timeoutMs,
        }),
      );
    const from = known.generation === generation ? known.count : 0;
    let turn: Turn;
    try {
      turn = await ask(from);
    } catch (error) {
      if (!isTranscriptNeeded(error)) throw asEngineError(error);
      turn = await ask(0).catch((again: unknown) => {
        throw asEngineError(again);
      });
    }
    Object.assign(known, { generation, count: request.messages.length });
    return turn;
  }

  async #ask(
    where: Where,
    { call, key, decision, arguments: given }: AskedOf,
  ): Promise<'approved' | 'refused'> {
    const question: DispatchQuestion = dispatchQuestionSchema.parse({
      id: `${where.taskId}/${key}`,
      toolName: call.name.slice(0, 200),
      rule: decision.rule.slice(0, 500),
      why: decision.why.slice(0, 2_000),
      arguments: (JSON.stringify(given, undefined, 2) ?? '').slice(0, ARGUMENTS_MAX),
      askedAt: new Date(Date.now()).toISOString(),
    });
    this.#journal.add(this.#status('WAITING', question, null));
    await this.#flush(where);
    const answer = await this.#controls.answerTo(question.id);
    this.#journal.add(this.#status('RUNNING', null, null));
    // It may have been paused while it waited.
    await this.#checkpoint(where);
    return answer;
  }

  async #checkpoint(where: Where): Promise<void> {
    const scope = CancellationScope.current();
    if (scope.consideredCancelled) await scope.cancelRequested;
    if (!this.#controls.isPaused) return;
    this.#journal.add(this.#status('PAUSED', null, null));
    await this.#flush(where);
    await this.#controls.resumed();
    this.#journal.add(this.#status('RUNNING', null, null));
  }

  async #close(where: Where, result: SubagentResult, depth: number): Promise<SubagentResult> {
    const endedAs = depth === 0 ? { endedAs: this.#journal.reserve() } : {};
    const { merge } = this.run;
    const isCancelled = result.status === 'cancelled';
    return CancellationScope.nonCancellable(async () => {
      try {
        const back =
          this.#away && depth === 0
            ? await bringBack(this.#away, where, result, merge, this.#heartbeatMs)
            : { result };
        const waitMs = isCancelled ? OPEN_MS : undefined;
        return await this.#sending((records) =>
          this.#host(OPEN_MS, waitMs).closeDispatch({ where, records, merge, ...back, ...endedAs }),
        );
      } catch (error) {
        // Nobody waits for a host that is gone to hear that it was cancelled.
        return isCancelled
          ? result
          : { ...result, status: 'failed', summary: printableLine(messageOf(error)) };
      }
    });
  }

  /** Invariant 4. */
  async #continueAsNew(where: Where, opened: Opened, state: DispatchState): Promise<void> {
    if (!workflowInfo().continueAsNewSuggested) return;
    await this.#flush(where);
    const { lastNumber: lastRecord } = this.#journal;
    const { isPaused } = this.#controls;
    await continueAsNew<typeof pegasusDispatch>(this.run, {
      opened,
      state,
      lastRecord,
      used: this.#used,
      isPaused,
      ...(this.#away ? { away: this.#away } : {}),
    });
  }

  #status(
    state: DispatchReport['state'],
    question: DispatchQuestion | null,
    result: SubagentResult | null,
  ): LogBody {
    return { kind: 'status', state, question, result, ...this.#used };
  }

  async #flush(where: Where): Promise<void> {
    await this.#sending((records) => this.#host(OPEN_MS).writeRecords({ where, records }));
  }

  /** Sends what is not written yet along with a call. */
  async #sending<T>(send: (records: readonly NumberedRecord[]) => Promise<T>): Promise<T> {
    const records = this.#journal.unwritten;
    const answer = await plainly(send(records));
    this.#journal.written(records);
    return answer;
  }
}
