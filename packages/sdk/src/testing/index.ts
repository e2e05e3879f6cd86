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
