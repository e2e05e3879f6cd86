import { type ChildProcess } from 'node:child_process';
import { type DataLayout, type Part } from './data/layout.js';
import { Child, type ChildEvent } from './process/child.js';
import { baseEnvironment } from './process/environment.js';

export interface ChildSettings {
  /** Main file, run by this process's own Node. */
  main: string;
  layout: DataLayout;
  /** The platform's environment, of which a child sees only what is named here and in `environment.ts`. */
  env: NodeJS.ProcessEnv;
  /** What the caller adds for all children: over the platform's own settings, under how Temporal is reached. */
  given: Record<string, string>;
  /** How to reach Temporal, asked at every start. */
  temporalEnv(): Record<string, string>;
  /** What the caller adds for this child alone; it wins over everything. */
  givenToThis: Record<string, string>;
  url: string;
  host: string;
  port: number;
  onEvent(event: ChildEvent): void;
}

/** The embedded database makes its files at the first start: many seconds of computing on a busy machine. */
const START_TIMEOUT_MS = 180_000;
/** More than the children give themselves, so that one that drains is not killed halfway. */
const STOP_GRACE_MS = 20_000;

/** Operator's settings that are handed on as they are. */
const SERVER_SETTINGS = [
  'DATABASE_URL',
  'PEGASUS_PUBLIC_URL',
  'PEGASUS_TRUST_PROXY',
  'PEGASUS_RECONCILE_INTERVAL_MS',
  'PEGASUS_SCHEDULE_CATCH_UP_SECONDS',
  'PEGASUS_SCHEDULE_RECONCILE_INTERVAL_MS',
  'PEGASUS_WORKFLOWS_ENABLED',
  'INTEGRATION_CONFIG_PUBLISH_ENABLED',
  'PEGASUS_MAX_OPEN_EXECUTIONS',
  'PEGASUS_MAX_EXECUTIONS_PER_DAY',
  'PEGASUS_MAX_STARTS_PER_SECOND',
  'PEGASUS_STARTS_AT_ONCE',
  'PEGASUS_MAX_RUN_SECONDS',
  'PEGASUS_EGRESS_ALLOW',
  'PEGASUS_EGRESS_HTTP',
  'PEGASUS_PAYLOAD_ENCRYPTION',
  'PEGASUS_CODEC_ORIGINS',
  'PEGASUS_EAGER_START',
  'PEGASUS_SMS_PER_MINUTE',
  'PEGASUS_SMS_PER_RECIPIENT_PER_HOUR',
  'PEGASUS_AGENT_SILENT_SECONDS',
];
const SUPERVISOR_SETTINGS = [
  'PEGASUS_RUNNER_IDLE_SECONDS',
  'PEGASUS_RUNNER_MEMORY_MB',
  'PEGASUS_RUNTIME_TOKEN_SECONDS',
  'PEGASUS_RUNNER_TENANT_MEMORY_MB',
  'PEGASUS_RUNNER_TENANT_TASKS',
  'PEGASUS_RUNNER_TENANT_FILES',
  'PEGASUS_RUNNER_TENANT_DISK_MB',
  'PEGASUS_RUNNER_TENANT_CPUS',
  'PEGASUS_RUNNER_ACTIVITY_SLOTS',
  'PEGASUS_RUNNER_WORKFLOW_SLOTS',
  'PEGASUS_RUNNER_CALLS_PER_SECOND',
  'PEGASUS_RUNNER_CALLS_AT_ONCE',
  'PEGASUS_RUN_HISTORY_EVENTS',
  'PEGASUS_RUN_HISTORY_MB',
  'PEGASUS_MAX_RUN_SECONDS',
  'PEGASUS_QUARANTINE_CRASHES',
  'PEGASUS_QUARANTINE_WINDOW_SECONDS',
  'PEGASUS_SANDBOX',
  'PEGASUS_GATEWAY',
  'PEGASUS_EAGER_START',
  'PEGASUS_EGRESS_ALLOW',
];

const AGENTS_SETTINGS = [
  'PEGASUS_AGENTS_FILE',
  'PEGASUS_AGENTS_HEARTBEAT_MS',
  'PEGASUS_SANDBOX',
  'PEGASUS_EGRESS_ALLOW',
];

/** What the parts are called where a person reads it. */
export const NAMES: Readonly<Record<Part, string>> = {
  server: 'the server',
  supervisor: 'the supervisor',
  agents: 'the agent host',
};

/** The HTTP server, on PGlite in the data directory unless `DATABASE_URL` is set. */
export function serverChild(settings: ChildSettings): Child {
  const { layout, env } = settings;
  return nodeChild('server', settings, {
    ...pick(env, SERVER_SETTINGS),
    PEGASUS_HOST: settings.host,
    PEGASUS_PORT: String(settings.port),
    PEGASUS_PUBLIC_URL: env['PEGASUS_PUBLIC_URL'] ?? settings.url,
    PEGASUS_PGLITE_DIR: env['DATABASE_URL'] ? undefined : layout.database,
    PEGASUS_ARTIFACTS_DIR: layout.artifacts,
    PEGASUS_URL_SIGNING_KEY_FILE: layout.secrets.urlSigningKey,
    PEGASUS_RUNNER_TOKEN_FILE: layout.secrets.runnerToken,
    PEGASUS_MASTER_KEYS_FILE: layout.secrets.masterKeys,
    PEGASUS_BOOTSTRAP_FILE: layout.secrets.bootstrap,
    // Messages of a tenant that has set up no provider are shown here instead of being refused.
    PEGASUS_SMS_DEFAULT_PROVIDER: env['PEGASUS_SMS_DEFAULT_PROVIDER'] ?? 'log',
  });
}

/** The supervisor of the tenant workers. */
export function supervisorChild(settings: ChildSettings): Child {
  return nodeChild('supervisor', settings, {
    ...pick(settings.env, SUPERVISOR_SETTINGS),
    PEGASUS_SERVER_URL: settings.url,
    PEGASUS_RUNNER_DIR: settings.layout.runner,
    PEGASUS_RUNNER_TOKEN_FILE: settings.layout.secrets.runnerToken,
  });
}

/**
 * The agent host, on the workspaces that `PEGASUS_AGENTS_FILE` names.
 * @param keys variables with the models' keys
 * @param tenantId whose the workspaces are that name no tenant
 */
export function agentsChild(settings: ChildSettings, keys: string[], tenantId: string): Child {
  return nodeChild('agents', settings, {
    ...pick(settings.env, [...AGENTS_SETTINGS, ...keys]),
    PEGASUS_AGENTS_TENANT: tenantId,
    PEGASUS_SERVER_URL: settings.url,
    PEGASUS_RUNNER_TOKEN_FILE: settings.layout.secrets.runnerToken,
  });
}

function nodeChild(name: Part, settings: ChildSettings, own: Record<string, string | undefined>): Child {
  const { layout, main, env, given, givenToThis } = settings;
  return new Child({
    name: NAMES[name],
    command: async () => ({
      file: process.execPath,
      args: ['--enable-source-maps', main],
      env: baseEnvironment({ ...own, ...given, ...settings.temporalEnv(), ...givenToThis }, env),
      ipc: true,
    }),
    ready: readyMessage,
    logFile: layout.logs[name],
    pidFile: layout.pids[name],
    startTimeoutMs: START_TIMEOUT_MS,
    stopGraceMs: STOP_GRACE_MS,
    onEvent: (event) => settings.onEvent(event),
  });
}

function pick(env: NodeJS.ProcessEnv, names: string[]): Record<string, string | undefined> {
  return Object.fromEntries(names.map((name) => [name, env[name]]));
}

/** Resolves with the first `{type: 'ready'}` a child sends. */
function readyMessage(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    const onMessage = (message: unknown): void => {
      if (typeof message !== 'object' || message === null || !('type' in message)) return;
      if (message.type !== 'ready') return;
      child.off('message', onMessage);
      resolve();
    };
    child.on('message', onMessage);
  });
}
