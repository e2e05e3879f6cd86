import { join } from 'node:path';
import { printableLine, type SubagentResult } from '@pegasus-workflows/contracts/agents';
import { failpoint } from '@pegasus-workflows/kit/failpoints';
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import { attemptCall } from '../../dispatch/attempt.js';
import { type Attempt } from '../../dispatch/run.js';
import { conversationOf, turnOf } from '../../dispatch/conversation.js';
import { functionsFor } from '../../dispatch/functions.js';
import { systemOf } from '../../dispatch/system.js';
import { FILE_WRITING } from '../../dispatch/tools-of.js';
import { EngineError, type Conversation, type Turn } from '../../engines/engine.js';
import { PermissionEngine } from '../../permissions/decide.js';
import { CallJournal } from '../../tools/journal.js';
import { Workspace } from '../../tools/workspace.js';
import { type ToolPorts } from '../../tools/tool.js';
import {
  FAILURES,
  keyOf,
  type AttemptInput,
  type CloseInput,
  type DispatchActivities,
  type ModelInput,
  type NumberedRecord,
  type OpenInput,
  type Opened,
  type Where,
} from '../protocol.js';
import { alive } from './alive.js';
import { type Models } from './models.js';
import { Transcripts } from './transcripts.js';
import { TurnKeeper } from './turns.js';
import { type HostWorkspace } from './workspaces.js';

/**
 * Job: the steps of durable dispatches, done where the workspace is.
 *
 * Boundary: activities of Temporal: what is answered is in a run's history; what is not answered is asked again, under the
 * same key, of this process or of its successor.
 *
 * Invariants
 * 1. Records are in the event log before the step that they come with has any effect.
 * 2. A call of a tool that has done its work is not made again: its key is in the journal until the dispatch is closed.
 * 3. An answer of a model is on disk before the workflow is given it, and the same question has the same answer.
 * 4. What can never succeed fails for good; everything else is tried again.
 */
export interface HostParts extends ToolPorts {
  models: Models;
  /** The workspace of a dispatch. Rejects where it is not here. */
  workspaceOf: (where: Where) => Promise<HostWorkspace>;
  /** After so long without a sign of life a step counts as lost. Milliseconds. */
  heartbeatTimeoutMs: number;
}

/** Whether a call may write, so that a tier may have to be waited for. */
const mayWrite = (name: string): boolean => name === 'bash' || FILE_WRITING.has(name);
/** A shorter wait is none. */
const WAITED_MS = 1_000;

export function dispatchActivities(parts: HostParts): DispatchActivities {
  const { workspaceOf } = parts;
  const transcripts = new Transcripts();
  return {
    openDispatch: (input) => alive(parts, () => open(parts, input)),
    writeRecords: ({ where, records }) =>
      alive(parts, async () => (await workspaceOf(where)).recorder.write(where.dispatchId, records)),
    askModel: (input) => alive(parts, (signal) => askModel(parts, transcripts, input, signal)),
    attemptCall: (input) => alive(parts, (signal) => attempt(parts, input, signal)),
    closeDispatch: (input) => {
      transcripts.forget(keyOf(input.where));
      return alive(parts, () => close(parts, input));
    },
  };
}

async function open(
  { models, workspaceOf, heartbeatTimeoutMs, shell, fetcher }: HostParts,
  { task, model, depth, where }: OpenInput,
): Promise<Opened> {
  const { isolation } = where;
  const chosen = models.get(model);
  await (await workspaceOf(where)).openTier(where);
  const { engine } = chosen;
  const isReadOnly = task.permissionMode === 'plan';
  return {
    model: engine.model,
    prices: models.prices,
    system: systemOf(task),
    tools: functionsFor(engine, { isolation, isReadOnly, depth }, { shell, fetcher }),
    answerTokens: chosen.answerTokens,
    contextTokens: chosen.contextTokens,
    heartbeatTimeoutMs,
    ...(engine.conversations ? { keepsConversation: true } : {}),
  };
}

/** Invariant 3. */
async function askModel(
  { models, workspaceOf }: HostParts,
  transcripts: Transcripts,
  input: ModelInput,
  signal: AbortSignal,
): Promise<Turn> {
  const { where, records, model, turn, maxTokensOut, timeoutMs } = input;
  const workspace = await workspaceOf(where);
  await workspace.recorder.write(where.dispatchId, records);
  const keeper = new TurnKeeper(folderOf(workspace, where));
  const kept = await keeper.find(turn);
  if (kept) return kept;
  const transcript = transcripts.joined(keyOf(where), input);
  if (!transcript) throw transcriptNeeded();
  const { messages, tools } = transcript;
  const until = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const { engine } = models.get(model);
  failpoint('agents.turn.asked');
  const request = { messages, tools, maxTokensOut, timeoutMs };
  const about = (): Promise<Conversation> => talkOf(workspace, input, signal);
  const answer = await told(() => turnOf(engine, request, about, until));
  failpoint('agents.turn.answered');
  await keeper.keep(turn, answer);
  failpoint('agents.turn.kept');
  return answer;
}

async function talkOf(
  workspace: HostWorkspace,
  { where, ceiling }: ModelInput,
  signal: AbortSignal,
): Promise<Conversation> {
  if (!ceiling) throw new Error('the workflow has not said what the agent may see');
  const { root } = await workspace.tierOf(where, false, signal);
  const permissions = new PermissionEngine(ceiling, workspace.fold);
  return conversationOf(keyOf(where), new Workspace(root), ceiling, permissions);
}

/** A model's answer, or a failure that the workflow knows. */
async function told(asking: () => Promise<Turn>): Promise<Turn> {
  try {
    return await asking();
  } catch (error) {
    if (error instanceof DOMException && error.name === 'TimeoutError')
      throw ApplicationFailure.nonRetryable('The model did not answer in time.', FAILURES.engineFailed);
    if (!(error instanceof EngineError)) throw error;
    const type = error.wasRefused ? FAILURES.engineRefused : FAILURES.engineFailed;
    // The engine has tried again where that was of any use.
    throw ApplicationFailure.nonRetryable(error.message, type);
  }
}

/** Invariants 1 and 2. */
async function attempt(parts: HostParts, input: AttemptInput, signal: AbortSignal): Promise<Attempt> {
  const { where, records, call, ceiling, ...given } = input;
  const { workspaceOf, shell, fetcher } = parts;
  const workspace = await workspaceOf(where);
  await workspace.recorder.write(where.dispatchId, records);
  failpoint('agents.call.recorded');
  const from = performance.now();
  const tier = await workspace.tierOf(where, mayWrite(call.name), signal);
  const waitedMs = Math.round(performance.now() - from);
  const attempted = await attemptCall(
    {
      log: workspace.log,
      taskId: where.taskId,
      workspace: new Workspace(tier.root, tier.stage),
      permissions: new PermissionEngine(ceiling, workspace.fold),
      ceiling,
      journal: journalOf(workspace, where),
      starter: tier.lease?.command.bind(tier.lease),
      signal,
      shell,
      fetcher,
    },
    call,
    given,
  );
  // One that has lost the workspace is made again, when it is this dispatch's turn.
  if (attempted.outcome?.ok === false) await tier.check();
  failpoint('agents.call.made');
  return waitedMs > WAITED_MS ? { ...attempted, waitedMs } : attempted;
}

/** What the tier has come to is known before anybody is told that the dispatch has shipped. */
async function close(
  { workspaceOf, models }: HostParts,
  { where, records, result, merge, endedAs }: CloseInput,
): Promise<SubagentResult> {
  await models.endConversation(keyOf(where));
  const workspace = await workspaceOf(where);
  const closed = await workspace.closeTier(where, result, merge);
  failpoint('agents.close.tier');
  // The loop had shipped it, and what it did could not be kept.
  const isLost = closed.status === 'failed';
  await workspace.recorder.write(where.dispatchId, isLost ? records.map(asFailed(closed)) : records);
  failpoint('agents.close.recorded');
  if (endedAs !== undefined) {
    const { tokensIn, tokensOut } = closed;
    const body = {
      kind: 'status',
      state: 'ENDED',
      question: null,
      result: closed,
      tokensIn,
      tokensOut,
    } as const;
    await workspace.recorder.write(where.dispatchId, [{ n: endedAs, body }]);
    failpoint('agents.close.ended');
  }
  await journalOf(workspace, where).clear();
  await new TurnKeeper(folderOf(workspace, where)).clear();
  return closed;
}

function asFailed({ summary }: SubagentResult): (record: NumberedRecord) => NumberedRecord {
  return (record) => {
    const { n, body } = record;
    if (body.kind !== 'event' || body.event.type !== 'subagent.completed') return record;
    const { taskId, role, personaSlug, timestamp } = body.event;
    const error = printableLine(summary);
    const event = { type: 'subagent.failed', taskId, role, personaSlug, error, timestamp } as const;
    return { n, body: { kind: 'event', event } };
  };
}

function transcriptNeeded(): ApplicationFailure {
  return ApplicationFailure.create({
    message: 'The messages before are not here.',
    type: FAILURES.transcriptNeeded,
    nonRetryable: true,
    // As it is to be after a restart.
    category: ApplicationFailureCategory.BENIGN,
  });
}

function folderOf({ root }: HostWorkspace, { dispatchId, taskId }: Where): string {
  return join(root, '.pugi', 'dispatches', dispatchId, encodeURIComponent(taskId));
}

function journalOf(workspace: HostWorkspace, where: Where): CallJournal {
  return new CallJournal(join(folderOf(workspace, where), 'calls'));
}
