export {
  createTestHarness,
  type RunTestOptions,
  type TestHarness,
  type TestHarnessOptions,
  type TimedSignal,
} from './harness.js';
export type { Activities } from './activity-table.js';
export type { WorkflowSource } from './bundle.js';
export { eventInput, manualInput, scheduleInput, testInput } from './inputs.js';
export { runActivity, type ActivityOutcome, type RunActivityOptions } from './run-activity.js';
export {
  createLocalPlatform,
  type LocalPlatform,
  type LocalPlatformOptions,
} from './local-platform/local-platform.js';
export type { LocalAgentsOptions, LocalDispatchEnd } from './local-platform/agents.js';
export type { LocalEvent, LocalEventType } from './local-platform/events.js';
export type {
  LocalConnection,
  LocalExternalAnswer,
  LocalExternalCall,
} from './local-platform/external-calls.js';
export type { LocalProjection } from './local-platform/projections.js';
export type { LocalSms, LocalSmsOptions } from './local-platform/sms.js';
export type { LocalValue, LocalValues } from './local-platform/stored-values.js';
