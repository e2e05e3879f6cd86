import { type DispatchRun } from '@pegasus-workflows/contracts';
import { type Isolation, type SubagentResult, type SubagentTask } from '@pegasus-workflows/contracts/agents';
import { type PriceTable } from '../budgets/prices.js';
import { type Attempt, type AttemptGiven } from '../dispatch/run.js';
import { type Message, type ToolCall, type Turn } from '../engines/engine.js';
import type { LogBody } from '../log/records.js';
import { type Ceiling } from '../permissions/ceiling.js';

/**
 * Job: what the workflow of a dispatch asks of the host that has the workspace. Each call is an activity: what it answers
 * is in the run's history, and it is made again only while no answer is there.
 *
 * Boundary: plain data. The workflow says what is to be done and under which key; the host does it once for each key.
 *
 * Invariants
 * 1. Records are numbered by the workflow, and come with the next call, in order, from the first that the host may not
 *    have yet: it writes each once.
 * 2. A call of a tool has a key of its own, which stays the same however often it is tried.
 */
export interface Where extends Pick<DispatchRun, 'tenantId' | 'workspace' | 'dispatchId'> {
  /** Of the dispatch, or of a child that runs inside of it. */
  taskId: string;
  isolation: Isolation;
}

/** Names a task among all of a host's: of a dispatch, or of a child inside of it. */
export const keyOf = ({ dispatchId, taskId }: Pick<Where, 'dispatchId' | 'taskId'>): string =>
  `${dispatchId}/${taskId}`;

export interface NumberedRecord {
  n: number;
  body: LogBody;
}

export interface OpenInput {
  where: Where;
  task: SubagentTask;
  model: string | null;
  depth: number;
}

/** What the workflow has to know of the host; it stays what it was when the dispatch was opened. */
export interface Opened {
  model: string;
  prices: PriceTable;
  system: string;
  tools: readonly object[];
  answerTokens: number;
  contextTokens: number;
  /** It keeps a conversation, and is told what it may see at each turn. */
  keepsConversation?: true;
  /** After so long without a sign of life a call is made again, on whatever host there is. Milliseconds. */
  heartbeatTimeoutMs: number;
}

export interface ModelInput {
  where: Where;
  records: readonly NumberedRecord[];
  model: string;
  turn: number;
  transcript: TranscriptPart;
  tools: readonly object[] | 'as before';
  maxTokensOut: number;
  timeoutMs: number;
  /** For a model that {@link Opened.keepsConversation}. */
  ceiling?: Ceiling;
}

/** Messages from a place on; the host has those before, of the same generation, or says that it needs all of them. */
export interface TranscriptPart {
  generation: number;
  from: number;
  messages: readonly Message[];
}

export interface AttemptInput extends AttemptGiven {
  where: Where;
  records: readonly NumberedRecord[];
  call: ToolCall;
  ceiling: Ceiling;
}

export interface CloseInput {
  where: Where;
  records: readonly NumberedRecord[];
  result: SubagentResult;
  merge: DispatchRun['merge'];
  /** The record that says how all of it ended; absent for a child. */
  endedAs?: number;
  /** What was done on another host could not be given back: the copy is kept there. */
  isKept?: boolean;
}

/** A workspace on its way to another host. */
export interface Handed {
  /** The commit of HEAD. */
  base: string;
  /** With what was not committed. */
  work: string;
  bundle: StoredBundle;
}

/** A file of git, where every host of the tenant can have it. */
export interface StoredBundle {
  bytes: number;
  /** Names of its parts, in order. */
  parts: readonly string[];
}

/** What was done on another host; empty where nothing was. */
export interface GivenBack {
  commit?: string;
  bundle?: StoredBundle;
}

export interface TakeBackInput {
  where: Where;
  handed: Handed;
  given: GivenBack;
  /** Whether what was done is merged at once, where that is possible. */
  isMerged: boolean;
}

/** What has come of a tier, as a result says it. */
export interface BroughtBack {
  filesChanged: string[];
  notes: string[];
}

/** Of the host that has the workspace, for a dispatch that another one works on. */
export interface OriginActivities {
  handOver(input: { where: Where }): Promise<Handed>;
  /** Called again, it says the same. */
  takeBack(input: TakeBackInput): Promise<BroughtBack>;
}

/** Of every host that takes dispatches from others: who answers has the copy, and is asked for the rest under `queue`. */
export interface TakingActivities {
  takeOver(input: { where: Where; model: string | null; handed: Handed }): Promise<{ queue: string }>;
}

/** Of the host that has taken it. */
export interface RemoteActivities extends DispatchActivities {
  giveBack(input: { where: Where; handed: Handed }): Promise<GivenBack>;
}

export interface DispatchActivities {
  openDispatch(input: OpenInput): Promise<Opened>;
  askModel(input: ModelInput): Promise<Turn>;
  attemptCall(input: AttemptInput): Promise<Attempt>;
  writeRecords(input: { where: Where; records: readonly NumberedRecord[] }): Promise<void>;
  /** Ends what the tier has begun. Answers the result with what came of that. */
  closeDispatch(input: CloseInput): Promise<SubagentResult>;
}

/** Types of failures that the workflow knows. */
export const FAILURES = {
  /** The host has not the messages before. */
  transcriptNeeded: 'TRANSCRIPT_NEEDED',
  /** The model's server certainly did not work on it. */
  engineRefused: 'ENGINE_REFUSED',
  engineFailed: 'ENGINE_FAILED',
} as const;
