import { z } from 'zod';
import { agentRoleSchema, dispatchStatusSchema, personaSlugSchema } from './roles.js';

const amount = z.number().int().nonnegative();

/** What the permission engine said to one call of a tool. The call's arguments are in the audit log alone. */
export const permissionDecisionSchema = z.object({
  toolCallId: z.string().min(1),
  toolName: z.string().min(1),
  decision: z.enum(['allow', 'ask', 'deny']),
  /** The rule that decided: `mode:plan`, `tier:shared_fs_readonly`, `path:denied`. */
  rule: z.string().min(1),
  /** An `ask` that was answered: what was said. */
  answer: z.enum(['approved', 'refused']).optional(),
});
export type PermissionDecision = z.output<typeof permissionDecisionSchema>;

/** The one answer of a dispatch, whatever died on the way. */
export const subagentResultSchema = z.object({
  taskId: z.string().min(1),
  role: agentRoleSchema,
  personaSlug: personaSlugSchema,
  status: dispatchStatusSchema,
  summary: z.string(),
  /** Relative to the workspace's root. */
  filesChanged: z.array(z.string()),
  toolCallCount: amount,
  tokensIn: amount,
  tokensOut: amount,
  durationMs: amount,
  permissionDecisions: z.array(permissionDecisionSchema).optional(),
});
export type SubagentResult = z.output<typeof subagentResultSchema>;
