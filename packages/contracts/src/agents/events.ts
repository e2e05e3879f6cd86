import { z } from 'zod';
import { agentRoleSchema, isolationSchema, personaSlugSchema } from './roles.js';

/**
 * What a dispatch tells whoever watches it. A role and a persona's name are all that it says of the agent, and no event
 * has a call's arguments or a stack trace: those are in the audit log.
 */
const amount = z.number().int().nonnegative();
/** ISO-8601 in UTC. */
const timestamp = z.iso.datetime({ message: 'must be ISO-8601 in UTC, ending in Z' });

/** Matches what ends a line or cannot be printed. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]+/gu;
/** Longest text of an error or a detail. Characters. */
export const AGENT_EVENT_TEXT = 1_000;

/** One printable line of whatever text: what ends lines or cannot be seen is one space. */
export function printableLine(text: string): string {
  const line = text.replace(UNPRINTABLE, ' ').replace(/ {2,}/g, ' ').trim();
  // A pair of surrogates that the cut parts would be unprintable again.
  return line.slice(0, AGENT_EVENT_TEXT).replace(/[\ud800-\udbff]$/, '');
}

const isPrintable = (text: string): boolean => text.search(UNPRINTABLE) === -1;

const about = {
  taskId: z.string().min(1, 'must not be empty'),
  role: agentRoleSchema,
  personaSlug: personaSlugSchema,
};

/** Once, when it is dispatched. */
export const subagentSpawnedSchema = z.object({
  type: z.literal('subagent.spawned'),
  ...about,
  parentSessionId: z.string().min(1, 'must not be empty'),
  isolation: isolationSchema,
  timestamp,
});

/** Once for each call of a tool. */
export const subagentToolCallSchema = z.object({
  type: z.literal('subagent.tool_call'),
  ...about,
  toolName: z.string().min(1, 'must not be empty'),
  toolCallId: z.string().min(1, 'must not be empty'),
  timestamp,
});

/** It has ended as `shipped`. */
export const subagentCompletedSchema = z.object({
  type: z.literal('subagent.completed'),
  ...about,
  toolCallCount: amount,
  tokensIn: amount,
  tokensOut: amount,
  durationMs: amount,
  timestamp,
});

export const BLOCKED_REASONS = [
  'budget_exhausted',
  'plan_mode_refused',
  'permission_denied',
  'tool_unavailable',
] as const;

export const subagentBlockedSchema = z.object({
  type: z.literal('subagent.blocked'),
  ...about,
  reason: z.enum(BLOCKED_REASONS),
  detail: z.string().min(1, 'must not be empty'),
  timestamp,
});
export type BlockedReason = (typeof BLOCKED_REASONS)[number];

export const subagentFailedSchema = z.object({
  type: z.literal('subagent.failed'),
  ...about,
  error: z.string().min(1, 'must not be empty').refine(isPrintable, 'must be one printable line'),
  timestamp,
});

export const subagentEventSchema = z.discriminatedUnion('type', [
  subagentSpawnedSchema,
  subagentToolCallSchema,
  subagentCompletedSchema,
  subagentBlockedSchema,
  subagentFailedSchema,
]);
export type SubagentEvent = z.output<typeof subagentEventSchema>;
export type SubagentEventType = SubagentEvent['type'];
