import { availableParallelism } from 'node:os';
import {
  callsAtOnce,
  parseEnv,
  parseTemporalSettings,
  runSecondsSchema,
  secretFromEnv,
  switchSchema,
  temporalConnectionOptions,
} from '@pegasus-workflows/kit';
import { type EgressPolicy } from '@pegasus-workflows/kit/egress';
import { z } from 'zod';
import { egressSchema } from '../egress/setting.js';
import { type TemporalTarget } from '../connection-options.js';
import { type SessionLimits } from '../gateway/gateway.js';
import { SANDBOX_MODES, type SandboxMode } from '../sandbox/open.js';
import { type SandboxLimits } from '../sandbox/sandbox.js';
import { type CrashLimits } from './crash-ledger.js';

const MIB = 1024 * 1024;
const positive = z.coerce.number().positive();

/** The kernel's bound on memory lies above the supervisor's, which replaces a worker in order. */
const HARD_MEMORY = 1.25;

const envSchema = z.object({
  PEGASUS_SERVER_URL: z.url({ protocol: /^https?$/, error: 'must be the http(s) base URL of the server' }),
  PEGASUS_RUNNER_DIR: z.string().min(1),
  PEGASUS_RUNNER_IDLE_SECONDS: positive.default(300),
  PEGASUS_RUNNER_DRAIN_SECONDS: z.coerce.number().nonnegative().default(10),
  PEGASUS_RUNNER_MEMORY_MB: positive.default(2048),
  PEGASUS_RUNNER_TENANT_MEMORY_MB: positive.default(1024),
  PEGASUS_RUNNER_CACHE_MB: positive.default(2048),
  PEGASUS_EGRESS_ALLOW: egressSchema.default([]),
  PEGASUS_EAGER_START: switchSchema,
  PEGASUS_GATEWAY: switchSchema,
  PEGASUS_SANDBOX: z.enum(SANDBOX_MODES, { error: 'must be auto, require or off' }).default('auto'),
  PEGASUS_RUNNER_TENANT_TASKS: positive.int().min(64).default(256),
  PEGASUS_RUNNER_TENANT_FILES: positive.int().min(128).default(4_096),
  PEGASUS_RUNNER_TENANT_DISK_MB: positive.default(256),
  PEGASUS_RUNNER_TENANT_CPUS: z.coerce
    .number()
    .nonnegative()
    .default(availableParallelism() - 1),
  PEGASUS_RUNNER_ACTIVITY_SLOTS: positive.int().max(1_000).default(100),
  PEGASUS_RUNNER_WORKFLOW_SLOTS: positive.int().min(2).max(1_000).default(40),
  PEGASUS_RUNNER_CALLS_PER_SECOND: positive.int().default(500),
  PEGASUS_RUNNER_CALLS_AT_ONCE: positive.int().default(callsAtOnce),
  PEGASUS_RUN_HISTORY_EVENTS: positive.int().max(51_000).default(40_000),
  PEGASUS_RUN_HISTORY_MB: positive.max(49).default(40),
  PEGASUS_MAX_RUN_SECONDS: runSecondsSchema,
  PEGASUS_QUARANTINE_CRASHES: z.coerce.number().int().nonnegative().default(5),
  PEGASUS_QUARANTINE_WINDOW_SECONDS: positive.int().default(600),
  PEGASUS_RUNTIME_TOKEN_SECONDS: z.coerce.number().int().min(2).max(3_600).default(300),
});

export interface SupervisorSettings {
  serverUrl: string;
  /** Bearer of the server's internal API. */
  token: string;
  dir: string;
  temporal: TemporalTarget;
  idleMs: number;
  drainMs: number;
  /** Budget of resident memory over all tenant processes. */
  memoryBytes: number;
  /** Resident memory at which one tenant's process is drained and replaced. */
  tenantMemoryBytes: number;
  /** Bound of the unpacked artifacts on disk. */
  cacheBytes: number;
  /** How long a runtime token is valid; it is renewed at half of it. */
  runtimeTokenSeconds: number;
  /** Whether workers reach Temporal through the gateway; anything else is for measuring. */
  gateway: boolean;
  /** Whether first tasks of runs come with the start. */
  eagerStart: boolean;
  /** Where tenant code may connect to. */
  egress: EgressPolicy;
  sandbox: SandboxMode;
  sandboxLimits: SandboxLimits;
  /** How many tasks of each loaded artifact may run at a time. */
  slots: { activities: number; workflowTasks: number };
  /** What each worker is held to at the gateway, and its runs. */
  sessionLimits: SessionLimits;
  /** When a version that crashes is quarantined. */
  crashLimits: CrashLimits;
}

/** Reads the supervisor's environment; throws one sentence naming what is wrong or missing. */
export function parseSupervisorSettings(env: NodeJS.ProcessEnv = process.env): SupervisorSettings {
  const parsed = parseEnv(envSchema, env);
  const token = secretFromEnv('PEGASUS_RUNNER_TOKEN', env);
  if (!token)
    throw new Error('settings are not usable: PEGASUS_RUNNER_TOKEN or PEGASUS_RUNNER_TOKEN_FILE is missing');
  const temporal = temporalTarget(env);
  return {
    serverUrl: parsed.PEGASUS_SERVER_URL.replace(/\/+$/, ''),
    token,
    dir: parsed.PEGASUS_RUNNER_DIR,
    temporal,
    idleMs: parsed.PEGASUS_RUNNER_IDLE_SECONDS * 1000,
    drainMs: Math.round(parsed.PEGASUS_RUNNER_DRAIN_SECONDS * 1000),
    memoryBytes: parsed.PEGASUS_RUNNER_MEMORY_MB * MIB,
    tenantMemoryBytes: parsed.PEGASUS_RUNNER_TENANT_MEMORY_MB * MIB,
    cacheBytes: parsed.PEGASUS_RUNNER_CACHE_MB * MIB,
    runtimeTokenSeconds: parsed.PEGASUS_RUNTIME_TOKEN_SECONDS,
    // Whether a connection is encrypted is not the supervisor's to know: it passes on bytes.
    egress: { exceptions: parsed.PEGASUS_EGRESS_ALLOW, plainHttp: true },
    gateway: gatewayOf(parsed, temporal),
    eagerStart: parsed.PEGASUS_EAGER_START,
    sandbox: parsed.PEGASUS_SANDBOX,
    slots: {
      activities: parsed.PEGASUS_RUNNER_ACTIVITY_SLOTS,
      workflowTasks: parsed.PEGASUS_RUNNER_WORKFLOW_SLOTS,
    },
    sessionLimits: {
      callsPerSecond: parsed.PEGASUS_RUNNER_CALLS_PER_SECOND,
      callsAtOnce: parsed.PEGASUS_RUNNER_CALLS_AT_ONCE,
      historyEvents: parsed.PEGASUS_RUN_HISTORY_EVENTS,
      historyBytes: Math.round(parsed.PEGASUS_RUN_HISTORY_MB * MIB),
      runSeconds: parsed.PEGASUS_MAX_RUN_SECONDS,
    },
    crashLimits: {
      crashes: parsed.PEGASUS_QUARANTINE_CRASHES,
      windowMs: parsed.PEGASUS_QUARANTINE_WINDOW_SECONDS * 1_000,
    },
    sandboxLimits: {
      memoryBytes: Math.round(parsed.PEGASUS_RUNNER_TENANT_MEMORY_MB * HARD_MEMORY) * MIB,
      tasks: parsed.PEGASUS_RUNNER_TENANT_TASKS,
      openFiles: parsed.PEGASUS_RUNNER_TENANT_FILES,
      diskBytes: Math.round(parsed.PEGASUS_RUNNER_TENANT_DISK_MB * MIB),
      cpus: parsed.PEGASUS_RUNNER_TENANT_CPUS,
    },
  };
}

/** Without a gateway a worker would need Temporal's credential, and a network that a sandbox does not leave it. */
function gatewayOf(
  { PEGASUS_GATEWAY, PEGASUS_SANDBOX }: z.infer<typeof envSchema>,
  { apiKey, tls }: TemporalTarget,
): boolean {
  if (PEGASUS_GATEWAY) return true;
  if (PEGASUS_SANDBOX === 'off' && apiKey === undefined && tls === undefined) return false;
  throw new Error(
    'settings are not usable: PEGASUS_GATEWAY=off is for measuring, with PEGASUS_SANDBOX=off and a Temporal that asks for no credential; leave it out',
  );
}

function temporalTarget(env: NodeJS.ProcessEnv): TemporalTarget {
  const settings = parseTemporalSettings(env);
  const { address, apiKey, tls } = temporalConnectionOptions(settings);
  const target: TemporalTarget = { address, namespace: settings.namespace };
  if (apiKey !== undefined) target.apiKey = apiKey;
  if (!tls) return target;
  target.tls = {};
  if (tls.serverNameOverride) target.tls.serverNameOverride = tls.serverNameOverride;
  if (tls.serverRootCACertificate)
    target.tls.serverRootCACertificate = tls.serverRootCACertificate.toString('base64');
  if (tls.clientCertPair) {
    const { crt, key } = tls.clientCertPair;
    target.tls.clientCertPair = { crt: crt.toString('base64'), key: key.toString('base64') };
  }
  return target;
}
