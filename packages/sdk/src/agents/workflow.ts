/** What workflow code dispatches agents with: deterministic, and light in a bundle. */
export { dispatchSubagent, type DispatchSubagentOptions, type WorkflowTask } from './dispatch-workflow.js';
export type { SubagentResult } from '@pegasus-workflows/contracts/agents';
