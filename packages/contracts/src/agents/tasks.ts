import { z } from 'zod';
import { agentRoleSchema, permissionModeSchema } from './roles.js';

const count = z.number().int('must be a whole number').positive('must be greater than 0');

/** What a dispatch may spend. A missing field takes the role's default; a given one can only tighten it. */
export const dispatchBudgetSchema = z.strictObject({
  /** Of input and output together. */
  tokens: count.optional(),
  dollars: z.number().positive('must be greater than 0').optional(),
  wallClockMs: count.optional(),
});
export type DispatchBudget = z.output<typeof dispatchBudgetSchema>;

/**
 * What a parent hands to a subagent. Unknown fields are refused: a `deniedPath` that nobody reads would be a permission
 * that nobody meant to give. What a path may say is the permission engine's.
 */
export const subagentTaskSchema = z.strictObject({
  id: z.string().min(1, 'must not be empty'),
  role: agentRoleSchema,
  prompt: z.string().min(1, 'must not be empty'),
  permissionMode: permissionModeSchema,
  budget: dispatchBudgetSchema.optional(),
  /** Without them, all of the workspace. */
  allowedPaths: z.array(z.string()).optional(),
  /** They beat `allowedPaths`. */
  deniedPaths: z.array(z.string()).optional(),
});
export type SubagentTask = z.output<typeof subagentTaskSchema>;
