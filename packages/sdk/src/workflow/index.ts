/**
 * What workflow code imports. Everything here runs inside Temporal's deterministic sandbox: no I/O, no clock of its
 * own, and nothing that would make the bundle heavy (contracts are imported as types alone).
 */
export * from '@temporalio/workflow';
// What a child's start is refused with when one of its id is running; Temporal's package leaves it out.
export { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
export {
  defineWorkflow,
  workflowMetadata,
  type DefinedWorkflow,
  type WorkflowMetadata,
} from './define-workflow.js';
export { inputKind, matchInput, type InputHandlers, type InputKind } from './match-input.js';
export type { EventInput, ManualInput, ScheduleInput, WorkflowInput } from '@pegasus-workflows/contracts';
