export { PegasusClient, type Health } from './pegasus-client.js';
export type { CallOptions, FetchLike, PegasusClientOptions } from './options.js';
export type { RunOptions, UploadTarget, WorkflowsApi } from './workflows.js';
export type { TriggersApi } from './triggers.js';
export type { ArtifactBytes, PublishRequest, PublishStage } from './publish.js';
export type {
  ExecutionFilters,
  ExecutionsApi,
  ListExecutionsQuery,
  RetryExecutionOptions,
  SignalOptions,
  WaitOptions,
} from './executions.js';
export {
  PegasusApiError,
  PegasusClientError,
  PegasusConnectionError,
  PegasusDecodeError,
  PegasusTimeoutError,
  isPegasusApiError,
  isPegasusClientError,
  isPegasusConnectionError,
  isPegasusDecodeError,
  isPegasusTimeoutError,
} from './errors.js';
export type {
  Backfill,
  BackfillRequest,
  CreateTriggerRequest,
  Execution,
  ExecutionStatus,
  Handlers,
  History,
  HistoryEvent,
  HistoryExport,
  Manifest,
  PendingActivity,
  RequirementsSummary,
  RunRequest,
  TakeOverRequest,
  Trigger,
  UpdateTriggerRequest,
  Workflow,
} from '@pegasus-workflows/contracts';
