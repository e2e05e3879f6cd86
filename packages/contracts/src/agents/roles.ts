import { z } from 'zod';

/** The words of a dispatch: who does it, how far it may go, and how it ends. All of them are closed sets. */

export const AGENT_ROLES = [
  'orchestrator',
  'architect',
  'coder',
  'verifier',
  'reviewer',
  'researcher',
  'release',
  'devops',
  'design_qa',
] as const;
export const agentRoleSchema = z.enum(AGENT_ROLES, `must be one of ${AGENT_ROLES.join(', ')}`);
export type AgentRole = z.output<typeof agentRoleSchema>;

/**
 * How a dispatch is kept apart from its parent's files. `prompt_only`: it has no tools, the parent makes every call.
 * `shared_fs_readonly`: it reads the parent's files. `shared_fs_serialized`: it writes them, one writer at a time.
 * `worktree`: it writes a git worktree of its own. `remote_vm`: another host runs it.
 */
export const ISOLATION_TIERS = [
  'prompt_only',
  'shared_fs_readonly',
  'shared_fs_serialized',
  'worktree',
  'remote_vm',
] as const;
export const isolationSchema = z.enum(ISOLATION_TIERS, `must be one of ${ISOLATION_TIERS.join(', ')}`);
export type Isolation = z.output<typeof isolationSchema>;

/**
 * `shipped`: a final answer, and every write it used has succeeded. `blocked`: stopped by its budget, by plan mode or by
 * a denied call. `failed`: it crashed or returned an error. `cancelled`: the parent or the operator aborted it.
 */
export const DISPATCH_STATUSES = ['shipped', 'blocked', 'failed', 'cancelled'] as const;
export const dispatchStatusSchema = z.enum(DISPATCH_STATUSES);
export type DispatchStatus = z.output<typeof dispatchStatusSchema>;

export const PERMISSION_MODES = [
  'plan',
  'ask',
  'acceptEdits',
  'auto',
  'dontAsk',
  'bypassPermissions',
] as const;
export const permissionModeSchema = z.enum(PERMISSION_MODES, `must be one of ${PERMISSION_MODES.join(', ')}`);
export type PermissionMode = z.output<typeof permissionModeSchema>;

export const AGENT_TOOLS = ['read', 'write', 'edit', 'multi_edit', 'grep', 'glob', 'bash', 'fetch'] as const;
export type AgentTool = (typeof AGENT_TOOLS)[number];

/** A persona's name in a registry, which is the dispatcher's: the wire knows no more of it. */
export const personaSlugSchema = z.string().min(1, 'must not be empty');
