import { resolve } from 'node:path';
import {
  callsAtOnce,
  parseEnv,
  parseTemporalSettings,
  runSecondsSchema,
  secretFromEnv,
  switchSchema,
  type TemporalSettings,
} from '@pegasus-workflows/kit';
import { z } from 'zod';
import {
  parseEgressExceptions,
  type EgressException,
  type EgressPolicy,
} from '@pegasus-workflows/kit/egress';
import { type BlobLimits } from '@pegasus-workflows/kit/payloads';
import { parseMasterKeys, type MasterKeySet } from './vault.js';

/** What the server is told by its environment; `docs/architecture.md` explains each variable. */
export interface ServerSettings {
  host: string;
  port: number;
  /** Base of presigned URLs, without a trailing slash. */
  publicUrl: string;
  /** How many proxies stand before the server, whose `X-Forwarded-For` is believed. */
  trustedProxies: number;
  database: { url?: string | undefined; pgliteDir?: string | undefined };
  artifactsDir: string;
  urlSigningKey: string;
  runnerToken: string;
  /** What secrets at rest are wrapped with; the first key wraps, every key unwraps. */
  masterKeys: MasterKeySet;
  /** The file they come from, which is followed; undefined when the environment itself holds them. */
  masterKeysFile: string | undefined;
  bootstrapFile: string | undefined;
  reconcileIntervalMs: number;
  /** How late a schedule's tick may be delivered; later ones are left out. */
  scheduleCatchUpSeconds: number;
  /** How often schedules in Temporal are compared with their triggers. */
  scheduleReconcileIntervalMs: number;
  workflowsEnabled: boolean;
  /** Whether configurations of integrations may be published; they are checked and used either way. */
  integrationPublishEnabled: boolean;
  maxOpenExecutions: number;
  maxExecutionsPerDay: number;
  /** Runs of one tenant that may begin per second, in the long run. */
  maxStartsPerSecond: number;
  /** Starts of one tenant under way; while others start runs too, an equal part of half of them. */
  startsAtOnce: number;
  /** The longest that a run may take, from its start to its end, continued as new or not. */
  maxRunSeconds: number;
  /** Where tenants' URLs may lead. */
  egress: EgressPolicy;
  /** Calls of partners that one ingress takes in, per second in the long run. */
  ingressPerSecond: number;
  sms: SmsSettings;
  /** Whether first tasks of runs are asked for with the start, and handed to polls that wait. */
  eagerStart: boolean;
  /** Whether new payloads are encrypted; encrypted ones are read either way. */
  payloadEncryption: boolean;
  /** Which encrypted payloads are kept outside of Temporal, and for how many days after their last use. */
  payloadBlobs: BlobLimits & { days: number };
  /** Origins of web pages, such as Temporal's UI, that may call the codec endpoint. */
  codecOrigins: string[];
  /** How long logs of runs are kept, and how many bytes of them one tenant may have. */
  logs: { days: number; tenantBytes: number };
  /** How long nothing is heard of an open dispatch until Temporal is asked about its run. Milliseconds. */
  agentSilentMs: number;
  temporal: TemporalSettings;
}

export interface SmsSettings {
  /** Who sends the messages of tenants that have set up no provider; undefined: nobody. */
  defaultProvider: 'LOG' | undefined;
  /** Messages of one tenant in any minute. */
  perMinute: number;
  /** Messages of one tenant to one number in any hour. */
  perRecipientPerHour: number;
}

const flag = (fallback: 'true' | 'false') =>
  z
    .enum(['true', 'false', '1', '0'])
    .default(fallback)
    .transform((value) => value === 'true' || value === '1');

/** Address ranges and hosts as text. */
const egressSchema = z.string().transform((text, context): EgressException[] => {
  try {
    return parseEgressExceptions(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'is not usable' });
    return z.NEVER;
  }
});

/** Origins of web pages, such as `https://temporal.example.com`, separated by commas. */
const originsSchema = z
  .string()
  .transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter(Boolean),
  )
  .refine(
    (origins) => origins.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin),
    'must be origins such as https://temporal.example.com, separated by commas',
  );

const count = (fallback: number) => z.coerce.number().int().min(1).default(fallback);

const envSchema = z
  .object({
    PEGASUS_HOST: z.string().min(1).default('127.0.0.1'),
    PEGASUS_PORT: z.coerce.number().int().min(1).max(65_535).default(3000),
    PEGASUS_PUBLIC_URL: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).optional(),
    PEGASUS_TRUST_PROXY: z.coerce.number().int().min(0).max(10).default(0),
    DATABASE_URL: z
      .string()
      .regex(/^postgres(ql)?:\/\//, 'must start with postgres://')
      .optional(),
    PEGASUS_PGLITE_DIR: z.string().min(1).optional(),
    PEGASUS_ARTIFACTS_DIR: z.string().min(1),
    PEGASUS_BOOTSTRAP_FILE: z.string().min(1).optional(),
    PEGASUS_RECONCILE_INTERVAL_MS: count(5_000),
    // Temporal takes no shorter one.
    PEGASUS_SCHEDULE_CATCH_UP_SECONDS: z.coerce.number().int().min(10).max(86_400).default(600),
    PEGASUS_SCHEDULE_RECONCILE_INTERVAL_MS: count(30_000),
    PEGASUS_WORKFLOWS_ENABLED: flag('true'),
    INTEGRATION_CONFIG_PUBLISH_ENABLED: flag('true'),
    PEGASUS_MAX_OPEN_EXECUTIONS: count(10_000),
    PEGASUS_MAX_EXECUTIONS_PER_DAY: count(1_000_000),
    PEGASUS_MAX_STARTS_PER_SECOND: count(200),
    PEGASUS_STARTS_AT_ONCE: count(callsAtOnce),
    PEGASUS_MAX_RUN_SECONDS: runSecondsSchema,
    PEGASUS_EGRESS_ALLOW: egressSchema.default([]),
    PEGASUS_EGRESS_HTTP: flag('false'),
    PEGASUS_INGRESS_PER_SECOND: count(50),
    PEGASUS_CODEC_ORIGINS: originsSchema.default([]),
    PEGASUS_EAGER_START: switchSchema,
    PEGASUS_PAYLOAD_ENCRYPTION: switchSchema,
    PEGASUS_PAYLOAD_BLOB_FROM_KB: z.coerce.number().int().min(1).max(1024).default(256),
    PEGASUS_PAYLOAD_MAX_MB: z.coerce.number().int().min(2).max(64).default(16),
    PEGASUS_PAYLOAD_BLOB_DAYS: count(30),
    PEGASUS_SMS_DEFAULT_PROVIDER: z.enum(['none', 'log'], { error: 'must be none or log' }).default('none'),
    PEGASUS_SMS_PER_MINUTE: count(60),
    PEGASUS_SMS_PER_RECIPIENT_PER_HOUR: count(20),
    PEGASUS_LOG_RETENTION_DAYS: count(30),
    PEGASUS_LOG_TENANT_MB: count(512),
    PEGASUS_AGENT_SILENT_SECONDS: count(60),
  })
  .refine((env) => env.DATABASE_URL !== undefined || env.PEGASUS_PGLITE_DIR !== undefined, {
    path: ['DATABASE_URL'],
    message: 'set it, or PEGASUS_PGLITE_DIR for the embedded database',
  });

const secretSchema = z.string().min(32, 'must be at least 32 characters');

/** A JSON Web Key Set as text. */
const masterKeysSchema = z.string().transform((text, context): MasterKeySet => {
  try {
    return parseMasterKeys(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'is not usable' });
    return z.NEVER;
  }
});

/** Reads and checks everything at start, so that a wrong setting is one sentence then and not a failure later. */
export function parseServerSettings(env: NodeJS.ProcessEnv = process.env): ServerSettings {
  const parsed = parseEnv(envSchema, env);
  const secrets = parseEnv(
    z.object({
      PEGASUS_URL_SIGNING_KEY: secretSchema,
      PEGASUS_RUNNER_TOKEN: secretSchema,
      PEGASUS_MASTER_KEYS: masterKeysSchema,
    }),
    {
      PEGASUS_MASTER_KEYS: secretFromEnv('PEGASUS_MASTER_KEYS', env),
      PEGASUS_URL_SIGNING_KEY: secretFromEnv('PEGASUS_URL_SIGNING_KEY', env),
      PEGASUS_RUNNER_TOKEN: secretFromEnv('PEGASUS_RUNNER_TOKEN', env),
    },
  );
  const authority = parsed.PEGASUS_HOST.includes(':') ? `[${parsed.PEGASUS_HOST}]` : parsed.PEGASUS_HOST;
  const publicUrl = parsed.PEGASUS_PUBLIC_URL ?? `http://${authority}:${parsed.PEGASUS_PORT}`;
  return {
    host: parsed.PEGASUS_HOST,
    port: parsed.PEGASUS_PORT,
    publicUrl: publicUrl.replace(/\/+$/, ''),
    trustedProxies: parsed.PEGASUS_TRUST_PROXY,
    database: { url: parsed.DATABASE_URL, pgliteDir: parsed.PEGASUS_PGLITE_DIR },
    artifactsDir: resolve(parsed.PEGASUS_ARTIFACTS_DIR),
    urlSigningKey: secrets.PEGASUS_URL_SIGNING_KEY,
    runnerToken: secrets.PEGASUS_RUNNER_TOKEN,
    masterKeys: secrets.PEGASUS_MASTER_KEYS,
    masterKeysFile: env['PEGASUS_MASTER_KEYS_FILE'] ? resolve(env['PEGASUS_MASTER_KEYS_FILE']) : undefined,
    bootstrapFile: parsed.PEGASUS_BOOTSTRAP_FILE && resolve(parsed.PEGASUS_BOOTSTRAP_FILE),
    reconcileIntervalMs: parsed.PEGASUS_RECONCILE_INTERVAL_MS,
    scheduleCatchUpSeconds: parsed.PEGASUS_SCHEDULE_CATCH_UP_SECONDS,
    scheduleReconcileIntervalMs: parsed.PEGASUS_SCHEDULE_RECONCILE_INTERVAL_MS,
    workflowsEnabled: parsed.PEGASUS_WORKFLOWS_ENABLED,
    integrationPublishEnabled: parsed.INTEGRATION_CONFIG_PUBLISH_ENABLED,
    maxOpenExecutions: parsed.PEGASUS_MAX_OPEN_EXECUTIONS,
    maxExecutionsPerDay: parsed.PEGASUS_MAX_EXECUTIONS_PER_DAY,
    maxStartsPerSecond: parsed.PEGASUS_MAX_STARTS_PER_SECOND,
    startsAtOnce: parsed.PEGASUS_STARTS_AT_ONCE,
    maxRunSeconds: parsed.PEGASUS_MAX_RUN_SECONDS,
    egress: { exceptions: parsed.PEGASUS_EGRESS_ALLOW, plainHttp: parsed.PEGASUS_EGRESS_HTTP },
    ingressPerSecond: parsed.PEGASUS_INGRESS_PER_SECOND,
    sms: {
      defaultProvider: parsed.PEGASUS_SMS_DEFAULT_PROVIDER === 'log' ? 'LOG' : undefined,
      perMinute: parsed.PEGASUS_SMS_PER_MINUTE,
      perRecipientPerHour: parsed.PEGASUS_SMS_PER_RECIPIENT_PER_HOUR,
    },
    codecOrigins: parsed.PEGASUS_CODEC_ORIGINS,
    eagerStart: parsed.PEGASUS_EAGER_START,
    payloadEncryption: parsed.PEGASUS_PAYLOAD_ENCRYPTION,
    payloadBlobs: {
      fromBytes: parsed.PEGASUS_PAYLOAD_BLOB_FROM_KB * 1024,
      maxBytes: parsed.PEGASUS_PAYLOAD_MAX_MB * 1024 * 1024,
      days: parsed.PEGASUS_PAYLOAD_BLOB_DAYS,
    },
    logs: {
      days: parsed.PEGASUS_LOG_RETENTION_DAYS,
      tenantBytes: parsed.PEGASUS_LOG_TENANT_MB * 1024 * 1024,
    },
    agentSilentMs: parsed.PEGASUS_AGENT_SILENT_SECONDS * 1_000,
    temporal: parseTemporalSettings(env),
  };
}
