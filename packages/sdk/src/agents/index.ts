/**
 * Tasks for coding agents, and what comes of them: the schemas of the wire, builders that make only valid values, and a
 * JSON Schema of each shape.
 */
export {
  AGENT_ROLES,
  AGENT_TOOLS,
  BLOCKED_REASONS,
  DISPATCH_STATUSES,
  ISOLATION_TIERS,
  PERMISSION_MODES,
  dispatchBudgetSchema,
  permissionDecisionSchema,
  printableLine,
  subagentEventSchema,
  subagentResultSchema,
  subagentTaskSchema,
  type AgentRole,
  type AgentTool,
  type BlockedReason,
  type DispatchBudget,
  type DispatchStatus,
  type Isolation,
  type PermissionDecision,
  type PermissionMode,
  type SubagentEvent,
  type SubagentEventType,
  type SubagentResult,
  type SubagentTask,
} from '@pegasus-workflows/contracts/agents';
export { subagentEvent, subagentResult, subagentTask, tighten } from './builders.js';
export { agentJsonSchemas } from './json-schemas.js';
