export { PegasusClient, type Health } from './pegasus-client.js';
export type { CallOptions, FetchLike, PegasusClientOptions } from './options.js';
export type { RunOptions, UploadTarget, WorkflowsApi } from './workflows.js';
export type { AuditApi, KeysApi, KeysQuery, MembersApi, Page, TenantsApi } from './access.js';
export type { BatchesApi, BeginBatchOptions } from './batches.js';
export type { TriggersApi } from './triggers.js';
export type {
  LiveApi,
  LiveExecutionEvent,
  LiveExecutionsEvent,
  LiveExecutionsOptions,
  LiveOptions,
} from './live.js';
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
export type { IngressApi } from './ingress.js';
export type { WebhooksApi } from './webhooks.js';
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
  CreateIngressRequest,
  CreateWebhookRequest,
  DeliveriesQuery,
  ApiKey,
  AuditEntry,
  CreatedApiKey,
  CreatedTenant,
  Backfill,
  BackfillRequest,
  CreateTriggerRequest,
  Execution,
  ExecutionStatus,
  Handlers,
  History,
  HistoryEvent,
  HistoryExport,
  Ingress,
  IngressWithSecret,
  Manifest,
  Member,
  PauseAnswer,
  PendingActivity,
  RecordedMutation,
  RequirementsSummary,
  RotateIngressRequest,
  RotateWebhookSecretRequest,
  UpdateIngressRequest,
  UpdateWebhookRequest,
  Webhook,
  WebhookDelivery,
  WebhookMessage,
  WebhookTest,
  WebhookWithSecret,
  Tenant,
  WhoAmI,
  TakeOverRequest,
  Trigger,
  UpdateTriggerRequest,
  ResetAnswer,
  ResetRequest,
  RunRequest,
  UpdateAnswer,
  Workflow,
} from '@pegasus-workflows/contracts';
