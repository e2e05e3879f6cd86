import { z } from 'zod';
import { dispatchStatusSchema, agentRoleSchema } from './agents/roles.js';
import { workspaceNameSchema } from './dispatches.js';
import { TERMINAL_STATUSES } from './executions.js';
import { overlapSecondsSchema } from './ingress.js';
import { LIMITS } from './limits.js';
import { idSchema, timestampSchema, workflowNameSchema } from './names.js';

const terminalStatusSchema = z.enum(TERMINAL_STATUSES);

const urlSchema = z
  .url({ protocol: /^https?$/, error: 'must be an https URL' })
  .max(2_048)
  .refine((text) => {
    if (!URL.canParse(text)) return false;
    const url = new URL(text);
    return url.username === '' && url.password === '' && url.hash === '';
  }, 'must have no user name, no password and no fragment');
const statusesSchema = z
  .array(terminalStatusSchema)
  .refine((statuses) => new Set(statuses).size === statuses.length, 'must name each status once');

/** Messages about coding agents: a person is asked something, a dispatch has ended. */
export const AGENT_MESSAGE_TYPES = ['agent.question', 'agent.ended'] as const;
export type AgentMessageType = (typeof AGENT_MESSAGE_TYPES)[number];
const agentMessageTypeSchema = z.enum(
  AGENT_MESSAGE_TYPES,
  `must be one of ${AGENT_MESSAGE_TYPES.join(', ')}`,
);
const eventsSchema = z
  .array(agentMessageTypeSchema)
  .refine((events) => new Set(events).size === events.length, 'must name each event once');

/** `POST /webhooks`: who is told, and of what. */
export const createWebhookRequestSchema = z.strictObject({
  /** https; http only where the operator allows the host. */
  url: urlSchema,
  /** How runs end that are told; may be empty where `events` names something. */
  statuses: statusesSchema,
  /** What is told of coding agents; nothing unless it is asked for. */
  events: eventsSchema.optional(),
  /** Of the runs, only those of the workflow of this name. */
  workflowName: workflowNameSchema.nullable().optional(),
  description: z.string().max(500).nullable().optional(),
  enabled: z.boolean().optional(),
});
export type CreateWebhookRequest = z.input<typeof createWebhookRequestSchema>;

/** `PATCH /webhooks/:id`: what is left out stays; `null` takes away. */
export const updateWebhookRequestSchema = createWebhookRequestSchema.partial();
export type UpdateWebhookRequest = z.input<typeof updateWebhookRequestSchema>;

export const rotateWebhookSecretRequestSchema = z.strictObject({ overlapSeconds: overlapSecondsSchema });
export type RotateWebhookSecretRequest = z.input<typeof rotateWebhookSecretRequestSchema>;

/** Where a tenant is told how its runs end, and of its coding agents; never with its secret. */
export const webhookSchema = z.object({
  id: idSchema,
  url: z.string(),
  statuses: z.array(terminalStatusSchema),
  events: z.array(agentMessageTypeSchema).default([]),
  workflowName: z.string().nullable(),
  description: z.string().nullable(),
  enabled: z.boolean(),
  /** Why the platform has disabled it by itself; `null` otherwise. */
  disabledReason: z.string().nullable(),
  /** Until when deliveries are signed with the secret before the last rotation too. */
  previousSecretExpiresAt: timestampSchema.nullable(),
  createdByUserId: idSchema.nullable(),
  createdAt: timestampSchema,
  updatedAt: timestampSchema,
});
export type Webhook = z.output<typeof webhookSchema>;

/** The answer of create and rotate-secret, the only one that ever shows the secret. */
export const webhookWithSecretSchema = webhookSchema.extend({ secret: z.string() });
export type WebhookWithSecret = z.output<typeof webhookWithSecretSchema>;

export const deliveryStatusSchema = z.enum(['PENDING', 'DELIVERED', 'DEAD']);

/** One message to one webhook, about an execution or about a dispatch. Its id is the `webhook-id` of every attempt. */
export const webhookDeliverySchema = z.object({
  id: idSchema,
  webhookId: idSchema,
  executionId: idSchema.nullable(),
  dispatchId: idSchema.nullable().default(null),
  status: deliveryStatusSchema,
  /** Attempts since it was made, or since it was asked for again. */
  attempts: z.number().int(),
  /** HTTP status of the last answer; `null` when there was none. */
  responseStatus: z.number().int().nullable(),
  lastError: z.string().nullable(),
  /** When it is tried next, while it is PENDING. */
  nextAttemptAt: timestampSchema.nullable(),
  deliveredAt: timestampSchema.nullable(),
  createdAt: timestampSchema,
  updatedAt: timestampSchema,
});
export type WebhookDelivery = z.output<typeof webhookDeliverySchema>;

/** `GET /webhooks/:id/deliveries`, newest first. */
export const deliveriesQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(LIMITS.executionsPageMax).default(LIMITS.executionsPageDefault),
  /** Id of the last row of the previous page. */
  before: idSchema.optional(),
  status: deliveryStatusSchema.optional(),
});
export type DeliveriesQuery = z.input<typeof deliveriesQuerySchema>;

/** `POST /webhooks/:id/test`: what became of one call, made at once and never repeated. */
export const webhookTestSchema = z.object({
  delivered: z.boolean(),
  responseStatus: z.number().int().nullable(),
  error: z.string().nullable(),
  durationMs: z.number().int(),
});
export type WebhookTest = z.output<typeof webhookTestSchema>;

/** Type of a message by the status it tells of. */
export const WEBHOOK_MESSAGE_TYPES = {
  COMPLETED: 'execution.completed',
  FAILED: 'execution.failed',
  TIMED_OUT: 'execution.timed_out',
  CANCELLED: 'execution.cancelled',
} as const satisfies Record<(typeof TERMINAL_STATUSES)[number], string>;

/** What a webhook's receiver gets about an execution. */
export const webhookExecutionSchema = z.object({
  executionId: idSchema,
  workflowId: idSchema,
  workflowName: z.string(),
  workflowVersion: z.string(),
  status: terminalStatusSchema,
  errorMessage: z.string().nullable(),
  /** Absent when it is larger than 16 KiB: `resultOmitted` is then true, and the API has it. */
  result: z.unknown().optional(),
  resultOmitted: z.boolean(),
  triggerSource: z.string(),
  queuedAt: timestampSchema,
  startedAt: timestampSchema.nullable(),
  finishedAt: timestampSchema.nullable(),
});

const aboutDispatch = {
  dispatchId: idSchema,
  taskId: z.string(),
  role: agentRoleSchema,
  workspace: workspaceNameSchema,
  parentExecutionId: idSchema.nullable(),
};

/** A person is asked whether a call may be made. What the call was given is for whoever asks the API. */
export const webhookAgentQuestionSchema = z.object({
  ...aboutDispatch,
  questionId: z.string(),
  toolName: z.string(),
  rule: z.string(),
  why: z.string(),
});

/** A dispatch has ended. */
export const webhookAgentEndedSchema = z.object({
  ...aboutDispatch,
  status: dispatchStatusSchema,
  /** Absent when it is larger than 16 KiB: `summaryOmitted` is then true, and the API has it. */
  summary: z.string().optional(),
  summaryOmitted: z.boolean(),
  filesChanged: z.number().int(),
  toolCallCount: z.number().int(),
  tokensIn: z.number().int(),
  tokensOut: z.number().int(),
  durationMs: z.number().int(),
});

/** The body of a delivery: the same bytes at every attempt. */
export const webhookMessageSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.enum(Object.values(WEBHOOK_MESSAGE_TYPES)),
    /** When the run ended. */
    timestamp: timestampSchema,
    data: webhookExecutionSchema,
  }),
  z.object({
    type: z.literal('agent.question'),
    /** When it was asked. */
    timestamp: timestampSchema,
    data: webhookAgentQuestionSchema,
  }),
  z.object({
    type: z.literal('agent.ended'),
    timestamp: timestampSchema,
    data: webhookAgentEndedSchema,
  }),
  z.object({
    type: z.literal('webhook.test'),
    timestamp: timestampSchema,
    data: z.object({ webhookId: idSchema }),
  }),
]);
export type WebhookMessage = z.output<typeof webhookMessageSchema>;
