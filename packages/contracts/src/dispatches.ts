import { z } from 'zod';
import { subagentEventSchema } from './agents/events.js';
import { subagentResultSchema } from './agents/results.js';
import { AGENT_ROLES, agentRoleSchema, permissionModeSchema } from './agents/roles.js';
import { subagentTaskSchema } from './agents/tasks.js';
import { LIMITS } from './limits.js';
import { idSchema, timestampSchema } from './names.js';

/**
 * Durable dispatches: `/api/v1/agents/dispatches`. A dispatch is worked on by an agent host, which has the workspace; the
 * task, the events and the result are those of `agents/`.
 */
export const WORKSPACE_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
export const workspaceNameSchema = z
  .string()
  .regex(WORKSPACE_NAME, 'must be 1 to 63 lower-case letters, digits and hyphens, and begin with none');

/** Largest JSON body of a dispatch: a prompt and its paths, every character of which may be written as `\uXXXX`. */
export const DISPATCH_BODY_BYTES = 2 * 1024 * 1024;
/** Dispatches of a tenant that have not ended; one more is refused. */
export const DISPATCHES_OPEN_MAX = 1_000;
/** Longest prompt of a task. Characters. */
export const DISPATCH_PROMPT_MAX = 200_000;
const PATHS_MAX = 1_000;
const path = z.string().min(1, 'must not be empty').max(4_096, 'must be at most 4096 characters');

/** A task as the API takes it: within bounds, and named by the platform where it is not named. */
export const dispatchTaskSchema = subagentTaskSchema.extend({
  /** Unless given, the dispatch's id. */
  id: z.string().min(1, 'must not be empty').max(200, 'must be at most 200 characters').optional(),
  prompt: z
    .string()
    .min(1, 'must not be empty')
    .max(DISPATCH_PROMPT_MAX, `must be at most ${DISPATCH_PROMPT_MAX} characters`),
  allowedPaths: z.array(path).max(PATHS_MAX).optional(),
  deniedPaths: z.array(path).max(PATHS_MAX).optional(),
});

/**
 * `leave`: the branch of a worktree, or of another host, is left for somebody to review. `auto`: it is merged when the
 * dispatch has shipped.
 */
export const MERGE_CHOICES = ['leave', 'auto'] as const;

/**
 * Where a dispatch is worked on, when not in its workspace. `remote_vm`: on another host, with a copy of the workspace; what
 * is done there comes back as a branch. There the role works as it would here.
 */
export const DISPATCH_ISOLATIONS = ['remote_vm'] as const;
const isolation = z.enum(
  DISPATCH_ISOLATIONS,
  'must be remote_vm, or left out: the role says how it works in the workspace',
);

/** `POST /api/v1/agents/dispatches`. */
export const dispatchRequestSchema = z.strictObject({
  task: dispatchTaskSchema,
  workspace: workspaceNameSchema,
  /** A model that the host has; unless given, the host's first. */
  model: z.string().min(1, 'must not be empty').max(200, 'must be at most 200 characters').optional(),
  merge: z.enum(MERGE_CHOICES).optional(),
  isolation: isolation.optional(),
});
export type DispatchRequest = z.input<typeof dispatchRequestSchema>;

/**
 * QUEUED: no host has taken it. RUNNING. WAITING: for a person's answer. PAUSED: by a person. ENDED: the result says how.
 */
export const DISPATCH_STATES = ['QUEUED', 'RUNNING', 'WAITING', 'PAUSED', 'ENDED'] as const;
export const dispatchStateSchema = z.enum(DISPATCH_STATES);
export type DispatchState = z.infer<typeof dispatchStateSchema>;

/** What a person is asked: may this call be made? */
export const dispatchQuestionSchema = z.object({
  /** Of the call: what an answer names. */
  id: z.string().min(1).max(500),
  toolName: z.string().min(1).max(200),
  rule: z.string().min(1).max(500),
  /** One sentence. */
  why: z.string().min(1).max(2_000),
  /** What the call was given, cut where it is long: for whoever decides, and never on an event. */
  arguments: z.string().max(20_000),
  askedAt: timestampSchema,
});
export type DispatchQuestion = z.infer<typeof dispatchQuestionSchema>;

export const dispatchSchema = z.object({
  id: idSchema,
  workspace: workspaceNameSchema,
  model: z.string().nullable(),
  merge: z.enum(MERGE_CHOICES),
  /** Null: as its role says. */
  isolation: isolation.nullable(),
  task: subagentTaskSchema,
  state: dispatchStateSchema,
  question: dispatchQuestionSchema.nullable(),
  result: subagentResultSchema.nullable(),
  /** What it has used so far. */
  tokensIn: z.number().int(),
  tokensOut: z.number().int(),
  parentExecutionId: idSchema.nullable(),
  createdByUserId: idSchema.nullable(),
  queuedAt: timestampSchema,
  startedAt: timestampSchema.nullable(),
  endedAt: timestampSchema.nullable(),
});
export type Dispatch = z.infer<typeof dispatchSchema>;

/** In a list, without what may be large. */
export const dispatchSummarySchema = dispatchSchema
  .omit({ question: true, result: true, task: true })
  .extend({
    role: agentRoleSchema,
    permissionMode: permissionModeSchema,
    /** The beginning of the prompt, on one line. */
    title: z.string(),
    /** How it ended. */
    status: subagentResultSchema.shape.status.nullable(),
  });
export type DispatchSummary = z.infer<typeof dispatchSummarySchema>;

/** `GET /api/v1/agents/dispatches`, newest first. */
export const dispatchesQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(LIMITS.executionsPageMax).default(LIMITS.executionsPageDefault),
  /** Id of the last row of the previous page. */
  before: idSchema.optional(),
  state: dispatchStateSchema.optional(),
  role: z.enum(AGENT_ROLES).optional(),
  workspace: workspaceNameSchema.optional(),
});
export type DispatchesQuery = z.input<typeof dispatchesQuerySchema>;

/** An event of a dispatch, by its place: `GET …/:id/events?after=n` and the live stream. */
export const dispatchEventSchema = z.object({ n: z.number().int().positive(), event: subagentEventSchema });
export type DispatchEvent = z.infer<typeof dispatchEventSchema>;
export const dispatchEventsQuerySchema = z.strictObject({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
});

/**
 * `GET …/:id/stream`: server-sent events; ends after the `dispatch` whose state is ENDED. An id is the place of the last
 * event that was told; that of the last `dispatch` says besides that it was the last.
 */
export const liveDispatchEvents = {
  /** The dispatch as it is: at first, and whenever its state or question has changed. */
  dispatch: dispatchSchema,
  /** A wire event, each once. */
  event: dispatchEventSchema,
} as const;

/** `POST …/:id/answer`. */
export const dispatchAnswerSchema = z.strictObject({
  questionId: z.string().min(1, 'must not be empty').max(500),
  answer: z.enum(['approved', 'refused'], 'must be approved or refused'),
});
export type DispatchAnswer = z.infer<typeof dispatchAnswerSchema>;

/** `GET /api/v1/agents/workspaces`: what the hosts that were heard of lately offer this tenant. */
export const agentWorkspaceSchema = z.object({
  name: workspaceNameSchema,
  hostId: z.string(),
  models: z.array(z.string()),
  seenAt: timestampSchema,
});
export type AgentWorkspace = z.infer<typeof agentWorkspaceSchema>;

/** Between a host and the server, under `/internal/v1`, with the runner token. */
export const AGENT_HOST_PING_MS = 10_000;

/** `PUT /internal/v1/agents/hosts/:hostId`, at least every {@link AGENT_HOST_PING_MS}. */
export const agentHostSchema = z.strictObject({
  workspaces: z.array(z.strictObject({ tenantId: idSchema, name: workspaceNameSchema })).max(1_000),
  models: z.array(z.string().min(1).max(200)).max(100),
  /** Tenants whose dispatches it takes from other hosts. */
  remotes: z.array(idSchema).max(1_000).optional(),
});
export type AgentHost = z.infer<typeof agentHostSchema>;

/**
 * `POST /internal/v1/agents/dispatches/:tenantId/:id/report`: what has become of a dispatch. Told again, it changes
 * nothing: events have their places, and a later report has a higher `at`.
 */
export const dispatchReportSchema = z.strictObject({
  /** Grows with every report of the dispatch. */
  at: z.number().int().positive(),
  events: z.array(dispatchEventSchema).max(1_000),
  state: z.enum(['RUNNING', 'WAITING', 'PAUSED', 'ENDED']),
  question: dispatchQuestionSchema.nullable(),
  result: subagentResultSchema.nullable(),
  tokensIn: z.number().int().nonnegative(),
  tokensOut: z.number().int().nonnegative(),
});
export type DispatchReport = z.infer<typeof dispatchReportSchema>;

/** How a dispatch runs on Temporal: what server, host and workflow agree on. */
export const DISPATCH_WORKFLOW_TYPE = 'pegasusDispatch';
export const dispatchRunId = (tenantId: string, dispatchId: string): string =>
  `agent/${tenantId}/${dispatchId}`;
export const dispatchQueue = (tenantId: string, workspace: string): string =>
  `agents/${tenantId}/${workspace}`;
/** The parts of a {@link dispatchQueue}; `undefined` for another queue. */
export function parseDispatchQueue(queue: string): { tenantId: string; workspace: string } | undefined {
  const [area, tenantId, workspace, ...others] = queue.split('/');
  if (area !== 'agents' || tenantId === undefined || workspace === undefined || others.length > 0)
    return undefined;
  return { tenantId, workspace };
}
/** Where dispatches wait for a host that takes them from another. */
export const remoteQueue = (tenantId: string): string => `agents-remote/${tenantId}`;
/** Of a host that has taken some, by the name that its folder has. */
export const remoteHostQueue = (tenantId: string, folderId: string): string =>
  `${remoteQueue(tenantId)}/${folderId}`;
/** Signal: a person's {@link DispatchAnswer}. */
export const DISPATCH_ANSWER_SIGNAL = 'answer';
/** Signals without a value. */
export const DISPATCH_PAUSE_SIGNAL = 'pause';
export const DISPATCH_RESUME_SIGNAL = 'resume';

/** The one argument of the workflow. */
export const dispatchRunSchema = z.strictObject({
  dispatchId: idSchema,
  tenantId: idSchema,
  workspace: workspaceNameSchema,
  task: subagentTaskSchema,
  model: z.string().nullable(),
  merge: z.enum(MERGE_CHOICES),
  isolation: isolation.optional(),
  /** An execution's id, or the dispatch's own. */
  parentSessionId: z.string(),
});
export type DispatchRun = z.infer<typeof dispatchRunSchema>;

/** Sent to the execution that dispatched it, when a dispatch has ended: `{ dispatchId }`. */
export const DISPATCH_ENDED_SIGNAL = 'pegasus.dispatchEnded';
