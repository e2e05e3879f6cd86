export { effectsOfCommand, type BashEffect } from './bash/analyse.js';
export { effectsOfBash } from './calls.js';
export { resolvePath, workspaceRoot } from './paths/resolve.js';
export { foldOf, traitsOf, type FileSystemTraits } from './paths/traits.js';
export {
  ceilingOf,
  ceilingSchema,
  childCeiling,
  meet,
  type Ceiling,
  type CeilingRequest,
} from './permissions/ceiling.js';
export { PermissionEngine, type Decision } from './permissions/decide.js';
export { EFFECT_KINDS, type Effect, type EffectKind, type PathRef } from './permissions/effects.js';
export { isAtMost, type Ruling, type Verdict } from './permissions/verdict.js';
export { type Fold } from './permissions/patterns.js';
export { ROLE_PROFILES, type RoleProfile } from './roles/registry.js';
export { nextInput } from './budgets/estimate.js';
export {
  closeChild,
  grantCall,
  openAccount,
  openChild,
  restOf,
  settleCall,
  type Account,
  type CallRequest,
  type Exhausted,
  type Grant,
  type WholeBudget,
} from './budgets/ledger.js';
export { costOf, priceTableSchema, type PriceTable, type Usage } from './budgets/prices.js';
export { EventLog, type EventLogOptions } from './log/event-log.js';
export { readLog, verifyLog, type Verified } from './log/read-log.js';
export { standingsIn, type Standing } from './log/standings.js';
export { type Head, type LogBody, type LogLine } from './log/records.js';
export { CallJournal } from './tools/journal.js';
export { type Reads } from './tools/reads.js';
export { type ToolContext, type ToolResult } from './tools/tool.js';
export { functionSchemas, judge, type JudgedCall } from './tools/toolbox.js';
export { ToolError, type ToolErrorCode } from './tools/tool-error.js';
export { Workspace } from './tools/workspace.js';
export { runDispatch, type DispatchPlan, type DispatchSteps } from './dispatch/run.js';
export {
  EngineError,
  type Engine,
  type Message,
  type ToolCall,
  type Turn,
  type TurnRequest,
} from './engines/engine.js';
export { ScriptedEngine, scriptedTurnSchema, type ScriptedTurn } from './engines/scripted.js';
export {
  aiSdkEngine,
  languageModelEngine,
  type LanguageModelEngine,
  type OpenAiCompatibleEngine,
} from './engines/ai-sdk.js';
export { runAcpAgent, type AcpAnswer, type AcpRun } from './engines/acp.js';
export { acpEngine } from './engines/acp-engine.js';
export { launchPlainly, type Launched } from './engines/acp-process.js';
export { type AcpAgent } from './engines/acp-session.js';
export { type ProgramRequest, type Programs } from './engines/programs.js';
export { type AcpHandlers } from './engines/acp-client.js';
export { type RetryClock, type RetryPolicy } from './engines/retry.js';
export { type Shell, type ShellRefusal, type ShellRequest, type ShellResult } from './tools/shell.js';
export {
  FetchError,
  PolicyFetcher,
  type FetchAnswer,
  type Fetcher,
  type FetchRequest,
} from './tools/fetcher.js';
export { type ToolPorts } from './tools/tool.js';
export { dispatchInProcess, type InProcessDispatch, type InProcessResult } from './dispatch/in-process.js';
export { openTier, inTier, type Tier, type TierOutcome, type TierRequest } from './isolation/tiers.js';
export { reviewTree, discardTree, type FinishedTree, type TreeReview } from './isolation/worktrees.js';
export { mergeTree, type Conflict, type MergeOutcome } from './isolation/merge.js';
export { sweepTrees, type Swept } from './isolation/sweep.js';
export { WriterLease } from './isolation/lease.js';
export { packResult, packWorkspace, takeResult, unpackWorkspace } from './isolation/bundles.js';
