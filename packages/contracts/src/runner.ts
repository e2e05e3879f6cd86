import { z } from 'zod';
import { actionSchema } from './actions.js';
import { idSchema } from './names.js';

/** The protocol between server and runner, under `/internal/v1`, authenticated by the runner token alone. */

/** An artifact that needs a worker, because a run of it is open or it was just published. */
export const demandedArtifactSchema = z.object({
  tenantId: idSchema,
  taskQueue: z.string(),
  artifactSha256: z.string(),
  artifactSizeBytes: z.number().int(),
  workflowName: z.string(),
  workflowVersion: z.string(),
  /** The version that an execution of this queue belongs to; absent from a server that mints no runtime tokens. */
  workflowId: idSchema.optional(),
  /** What its manifest lets its executions do through their runtime tokens. */
  requiredActions: z.array(actionSchema).default([]),
  /** Whether the queue is the one of the artifact's dry runs. */
  dryRun: z.boolean().default(false),
  /** `open`: a run of it is open, its worker must stay. `prewarm`: just published, a worker saves the first run's cold start. */
  reason: z.enum(['open', 'prewarm']),
});
export type DemandedArtifact = z.infer<typeof demandedArtifactSchema>;

/**
 * `GET /internal/v1/demand?cursor=C&waitSeconds=N` → all artifacts in demand now. Answers at once when the server's
 * cursor differs from C, else when it changes, at the latest after N seconds. A cursor is an opaque string.
 */
export const demandSchema = z.object({ cursor: z.string(), artifacts: z.array(demandedArtifactSchema) });
export type Demand = z.infer<typeof demandSchema>;

/** `POST /internal/v1/closed-runs`: runs that workers have just closed, by Temporal's ids. */
export const closedRunsSchema = z.object({
  runs: z
    .array(z.object({ workflowId: z.string().min(1).max(1_000), runId: z.string().min(1).max(100) }))
    .min(1)
    .max(1_000),
});
export type ClosedRuns = z.infer<typeof closedRunsSchema>;

/** `GET /internal/v1/artifacts/:tenantId/:sha256` → the zip's bytes (`application/zip`). */
export const RUNNER_API_PREFIX = '/internal/v1';

/**
 * `GET /internal/v1/tenants/:tenantId/payload-keys` → what the tenant's worker encrypts and reads payloads with. Secret:
 * for the supervisor, which hands it to that tenant's worker alone.
 */
export const payloadKeySetSchema = z.strictObject({
  /** What new payloads are encrypted with; null: they are not encrypted. */
  currentId: idSchema.nullable(),
  keys: z.array(z.strictObject({ id: idSchema, key: z.base64().length(44) })),
  /** Which encrypted payloads are kept outside of Temporal; absent from a server that keeps none. */
  blobs: z
    .strictObject({ fromBytes: z.number().int().positive(), maxBytes: z.number().int().positive() })
    .optional(),
});
export type PayloadKeySet = z.infer<typeof payloadKeySetSchema>;

/**
 * `POST /internal/v1/eager-tasks` → lines of JSON without end: first tasks of runs that the server started for these
 * queues, which have a poll waiting at the supervisor. A newer call of the same supervisor ends the older one.
 */
export const eagerPollsSchema = z.strictObject({
  supervisorId: idSchema,
  taskQueues: z.array(z.string().min(1).max(1_000)).max(100_000),
});
export type EagerPollsRequest = z.infer<typeof eagerPollsSchema>;

/** A line of that answer. `ready`: the queues are in force. `ping`: the stream is alive, every few seconds. */
export const eagerLineSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready') }),
  z.object({ type: z.literal('ping') }),
  z.object({
    type: z.literal('task'),
    taskQueue: z.string(),
    /** A serialized `PollWorkflowTaskQueueResponse` of Temporal's, in base64. */
    task: z.base64(),
  }),
]);
export type EagerLine = z.infer<typeof eagerLineSchema>;
/** How often at least there is a line. */
export const EAGER_PING_MS = 10_000;

/**
 * `PUT` and `GET /internal/v1/tenants/:tenantId/blobs/:sha256`: the ciphertext of a payload that is too large for
 * Temporal, as `application/octet-stream`.
 */
export const blobPath = (tenantId: string, sha256: string): string =>
  `${RUNNER_API_PREFIX}/tenants/${encodeURIComponent(tenantId)}/blobs/${encodeURIComponent(sha256)}`;
