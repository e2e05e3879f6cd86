export { PegasusClient, type Health } from './pegasus-client.js';
export type { CallOptions, FetchLike, PegasusClientOptions } from './options.js';
export type { RunOptions, UploadTarget, WorkflowsApi } from './workflows.js';
export type { ArtifactBytes, PublishRequest, PublishStage } from './publish.js';
export type {
  ControlOptions,
  ExecutionFilters,
  ExecutionsApi,
  ListExecutionsQuery,
  RetryExecutionOptions,
  SignalOptions,
  UpdateOptions,
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
  Execution,
  ExecutionStatus,
  Handlers,
  History,
  HistoryEvent,
  HistoryExport,
  Manifest,
  PauseAnswer,
  PendingActivity,
  RequirementsSummary,
  ResetAnswer,
  ResetRequest,
  RunRequest,
  UpdateAnswer,
  Workflow,
} from '@pegasus-workflows/contracts';
