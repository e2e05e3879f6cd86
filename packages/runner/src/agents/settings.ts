import { idSchema } from '@pegasus-workflows/contracts';
import {
  parseEnv,
  parseTemporalSettings,
  secretFromEnv,
  temporalConnectionOptions,
  type TemporalSettings,
} from '@pegasus-workflows/kit';
import { type EgressPolicy } from '@pegasus-workflows/kit/egress';
import { z } from 'zod';
import { egressSchema } from '../egress/setting.js';
import { SANDBOX_MODES, type SandboxMode } from '../sandbox/open.js';

const walls = {
  PEGASUS_SANDBOX: z.enum(SANDBOX_MODES, { error: 'must be auto, require or off' }).default('auto'),
  PEGASUS_EGRESS_ALLOW: egressSchema.default([]),
};

const envSchema = z.object({
  ...walls,
  PEGASUS_SERVER_URL: z.url({ protocol: /^https?$/, error: 'must be the http(s) base URL of the server' }),
  PEGASUS_AGENTS_FILE: z.string().min(1),
  /** Whose the workspaces are that name no tenant. */
  PEGASUS_AGENTS_TENANT: idSchema.optional(),
  /** Names this host where several are heard of; unless given, a new name at each start. */
  PEGASUS_AGENTS_HOST_ID: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,100}$/, 'must be 1 to 100 letters, digits, dots, hyphens and underscores')
    .optional(),
  /** After so long without a sign of life a step of a dispatch is given to another host, or again to this one. */
  PEGASUS_AGENTS_HEARTBEAT_MS: z.coerce.number().int().min(500).max(600_000).default(10_000),
});

/** What commands and requests of agents are kept from. */
export interface Walls {
  sandbox: SandboxMode;
  egress: EgressPolicy;
}

/** Throws one sentence that names the variable. */
export function parseWalls(env: NodeJS.ProcessEnv): Walls {
  return wallsOf(parseEnv(z.object(walls), env));
}

function wallsOf(parsed: z.output<z.ZodObject<typeof walls>>): Walls {
  return {
    sandbox: parsed.PEGASUS_SANDBOX,
    egress: { exceptions: parsed.PEGASUS_EGRESS_ALLOW, plainHttp: true },
  };
}

export interface HostSettings extends Walls {
  serverUrl: string;
  token: string;
  file: string;
  tenantId: string | undefined;
  hostId: string | undefined;
  heartbeatTimeoutMs: number;
  temporal: TemporalSettings & { connection: ReturnType<typeof temporalConnectionOptions> };
}

/** Throws one sentence that names the variable. */
export function parseHostSettings(env: NodeJS.ProcessEnv = process.env): HostSettings {
  const parsed = parseEnv(envSchema, env);
  const token = secretFromEnv('PEGASUS_RUNNER_TOKEN', env);
  if (token === undefined)
    throw new Error('settings are not usable: give PEGASUS_RUNNER_TOKEN or PEGASUS_RUNNER_TOKEN_FILE');
  const temporal = parseTemporalSettings(env);
  return {
    serverUrl: parsed.PEGASUS_SERVER_URL.replace(/\/$/, ''),
    token,
    file: parsed.PEGASUS_AGENTS_FILE,
    tenantId: parsed.PEGASUS_AGENTS_TENANT,
    hostId: parsed.PEGASUS_AGENTS_HOST_ID,
    heartbeatTimeoutMs: parsed.PEGASUS_AGENTS_HEARTBEAT_MS,
    ...wallsOf(parsed),
    temporal: { ...temporal, connection: temporalConnectionOptions(temporal) },
  };
}
