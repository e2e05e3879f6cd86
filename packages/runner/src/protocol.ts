/**
 * Job: the messages between the supervisor (trusted) and a tenant's worker process (untrusted), over a pipe (`channel.ts`).
 *
 * Boundary: both sides parse what they receive with these schemas. JSON on purpose: the supervisor
 * must not run V8's structured-clone reader over bytes that tenant code can write.
 *
 * Credentials: a worker knows no address of Temporal and none of its credentials. `configure` carries the supervisor's
 * gateway, and what this one process shows there.
 */
import { payloadKeySetSchema } from '@pegasus-workflows/contracts';
import { z } from 'zod';

/** What a worker shows with each call to the gateway. */
export const GATEWAY_CREDENTIAL_HEADER = 'pegasus-worker';

const gatewaySchema = z.strictObject({
  /** `host:port`, as this worker reaches it. */
  address: z.string(),
  /** Value of {@link GATEWAY_CREDENTIAL_HEADER}. */
  credential: z.string(),
  namespace: z.string(),
});

const taskQueue = z.string().min(1);

/** The tenant's payload keys: they leave this channel for the worker's memory, and go nowhere else. */
export type PayloadKeySetMessage = z.infer<typeof payloadKeySetSchema>;

const configureSchema = z.strictObject({
  type: z.literal('configure'),
  tenantId: z.string(),
  /** Where Temporal is, as far as this worker knows. */
  gateway: gatewaySchema,
  /** Where activities reach the platform: `PEGASUS_API_BASE_URL`. */
  apiBaseUrl: z.string(),
  /** Where this worker finds what its supervisor has for it: the files of its artifacts. */
  supervisorUrl: z.string(),
  payloadKeys: payloadKeySetSchema,
  /** How many tasks of each loaded artifact may run at a time. */
  slots: z.strictObject({
    activities: z.number().int().positive(),
    workflowTasks: z.number().int().positive(),
  }),
  /** How long running activities may go on after `unload` or `drain`, in milliseconds. */
  drainMs: z.number().int().nonnegative(),
});

const loadSchema = z.strictObject({
  type: z.literal('load'),
  taskQueue,
  /** What the worker asks its supervisor for the files by. */
  sha256: z.string(),
  workflowName: z.string(),
  version: z.string(),
  hasActivities: z.boolean(),
  /** Its activities are those of dry runs. */
  dryRun: z.boolean(),
});

/** Supervisor → worker. */
export const toWorkerSchema = z.discriminatedUnion('type', [
  configureSchema,
  loadSchema,
  z.strictObject({ type: z.literal('unload'), taskQueue }),
  /** Stop polling, let running activities finish within `drainMs`, answer `drained`, exit 0. */
  z.strictObject({ type: z.literal('drain') }),
  z.strictObject({ type: z.literal('stats') }),
  /** Answers `want-token`; without a token there is none to be had. */
  z.strictObject({
    type: z.literal('token'),
    requestId: z.number().int(),
    given: z.strictObject({ token: z.string(), lifetimeMs: z.number().positive() }).optional(),
  }),
  /** Answers `want-payload-keys` with all of the tenant's; without them the server cannot be asked now. */
  z.strictObject({
    type: z.literal('payload-keys'),
    requestId: z.number().int(),
    given: payloadKeySetSchema.optional(),
  }),
]);
export type ToWorker = z.infer<typeof toWorkerSchema>;
export type ConfigureMessage = z.infer<typeof configureSchema>;
export type LoadMessage = z.infer<typeof loadSchema>;

const queueStatsSchema = z.object({
  taskQueue,
  /** Workflows in the sticky cache. */
  activeWorkflows: z.number(),
  runningActivities: z.number(),
  /** Milliseconds since the last activity started or ended, or the last workflow entered or left the cache. */
  idleSinceMs: z.number(),
});
export type QueueStats = z.infer<typeof queueStatsSchema>;

/** Worker → supervisor. */
export const fromWorkerSchema = z.discriminatedUnion('type', [
  /** The SDK is imported; a `load` starts at once. */
  z.object({ type: z.literal('started') }),
  /** Polling. `durationMs` counts from the receipt of `load`. */
  z.object({ type: z.literal('loaded'), taskQueue, durationMs: z.number() }),
  /** The artifact could not be loaded, or its Temporal Worker ended by itself later. */
  z.object({
    type: z.literal('load-failed'),
    taskQueue,
    reason: z.string(),
    /** Whose doing it is, as far as the worker can tell. */
    fault: z.enum(['artifact', 'platform']),
  }),
  z.object({ type: z.literal('unloaded'), taskQueue }),
  z.object({ type: z.literal('drained') }),
  /** An activity of this run begins, or has used up half of its token. */
  z.object({
    type: z.literal('want-token'),
    requestId: z.number().int(),
    taskQueue,
    workflowId: z.string(),
    runId: z.string(),
  }),
  /** A payload is encrypted with a key that the worker does not know. */
  z.object({ type: z.literal('want-payload-keys'), requestId: z.number().int(), keyId: z.string().max(200) }),
  z.object({ type: z.literal('stats'), rssBytes: z.number(), queues: z.array(queueStatsSchema) }),
]);
export type FromWorker = z.infer<typeof fromWorkerSchema>;

/** Exit codes of a worker process; any other is a crash. */
export const WORKER_EXIT = {
  /** Drained, or its supervisor is gone. */
  done: 0,
  /** Tenant code let an exception or a promise rejection escape; logged, polling stopped, process replaced. */
  uncaught: 70,
  /** The supervisor sent something this worker cannot read: two versions of the runner are mixed. */
  protocol: 76,
} as const;
