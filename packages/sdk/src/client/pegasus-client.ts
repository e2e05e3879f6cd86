import { RUNTIME_VARIABLES, type QuotaUse, type WhoAmI } from '@pegasus-workflows/contracts';
import { z } from 'zod';
import { ConfigsApi } from './configs.js';
import { EventsApi, EventTypesApi } from './events.js';
import { AuditApi, KeysApi, MembersApi, quotas, TenantsApi, whoAmI } from './access.js';
import { AgentsApi } from './agents.js';
import { BatchesApi } from './batches.js';
import { ExecutionsApi } from './executions.js';
import { ConnectionsApi, ExternalCallsApi } from './external.js';
import { IngressApi } from './ingress.js';
import { IntegrationsApi } from './integrations.js';
import { LiveApi } from './live.js';
import { resolveOptions, runtimeOptions, type CallOptions, type PegasusClientOptions } from './options.js';
import { SmsApi } from './sms.js';
import { runtimeScope } from './runtime-scope.js';
import { ProjectionsApi } from './projections.js';
import { SecretsApi } from './secrets.js';
import { Transport } from './transport.js';
import { WebhooksApi } from './webhooks.js';
import { TriggersApi } from './triggers.js';
import { WorkflowsApi } from './workflows.js';

/** What `/health` answers: alive. A server may say more. */
const healthSchema = z.looseObject({});
export type Health = z.infer<typeof healthSchema>;

/**
 * The Pegasus API, typed. Works in Node and in browsers; holds no connection, so there is nothing to close.
 *
 * Calls that are safe to repeat are repeated after 429, 502, 503, 504 and lost connections. Every failure is one of
 * {@link PegasusApiError}, {@link PegasusConnectionError}, {@link PegasusTimeoutError}, {@link PegasusDecodeError}, or
 * the reason of the caller's own AbortSignal.
 */
export class PegasusClient {
  readonly workflows: WorkflowsApi;
  readonly executions: ExecutionsApi;
  readonly agents: AgentsApi;
  readonly batches: BatchesApi;
  readonly live: LiveApi;
  readonly ingress: IngressApi;
  readonly integrations: IntegrationsApi;
  readonly webhooks: WebhooksApi;
  readonly members: MembersApi;
  readonly keys: KeysApi;
  readonly tenants: TenantsApi;
  readonly audit: AuditApi;
  readonly triggers: TriggersApi;
  readonly sms: SmsApi;
  readonly secrets: SecretsApi;
  readonly configs: ConfigsApi;
  readonly projections: ProjectionsApi;
  readonly events: EventsApi;
  readonly eventTypes: EventTypesApi;
  readonly connections: ConnectionsApi;
  readonly externalCalls: ExternalCallsApi;
  readonly #transport: Transport;
  #isDryRun = false;

  /** @throws TypeError naming the option that is wrong */
  constructor(options: PegasusClientOptions) {
    this.#transport = new Transport(resolveOptions(options));
    this.workflows = new WorkflowsApi(this.#transport);
    this.executions = new ExecutionsApi(this.#transport);
    this.agents = new AgentsApi(this.#transport);
    this.batches = new BatchesApi(this.#transport);
    this.live = new LiveApi(this.#transport);
    this.ingress = new IngressApi(this.#transport);
    this.integrations = new IntegrationsApi(this.#transport);
    this.webhooks = new WebhooksApi(this.#transport);
    this.members = new MembersApi(this.#transport);
    this.keys = new KeysApi(this.#transport);
    this.tenants = new TenantsApi(this.#transport);
    this.audit = new AuditApi(this.#transport);
    this.triggers = new TriggersApi(this.#transport);
    this.sms = new SmsApi(this.#transport);
    this.secrets = new SecretsApi(this.#transport);
    this.configs = new ConfigsApi(this.#transport);
    this.projections = new ProjectionsApi(this.#transport);
    this.events = new EventsApi(this.#transport);
    this.eventTypes = new EventTypesApi(this.#transport);
    this.connections = new ConnectionsApi(this.#transport);
    this.externalCalls = new ExternalCallsApi(this.#transport);
  }

  /**
   * The client of the running execution, for activities: reads `PEGASUS_API_BASE_URL` and `PEGASUS_RUNTIME_TOKEN`, the
   * latter before every attempt, because it is renewed. It may do what `required_actions` of the manifest declares.
   * @param env where these variables are; default: the process's, or in a test the local platform's
   * @throws Error naming the missing variable
   */
  static fromRuntime(
    env: Record<string, string | undefined> = runtimeScope()?.env ?? globalThis.process?.env ?? {},
    options: Omit<PegasusClientOptions, 'baseUrl' | 'token'> = {},
  ): PegasusClient {
    const found = runtimeOptions(env);
    const scope = runtimeScope();
    const local = scope?.env[RUNTIME_VARIABLES.baseUrl] === found.baseUrl ? scope.fetch : undefined;
    const client = new PegasusClient({ ...options, ...found, fetch: options.fetch ?? local });
    client.#isDryRun = env[RUNTIME_VARIABLES.dryRun] === '1';
    return client;
  }

  /**
   * Whether it acts for a dry run: its reads are real, its changes are recorded and not made. Calls to others than the
   * platform are the activity's own to leave out.
   */
  get isDryRun(): boolean {
    return this.#isDryRun;
  }

  get baseUrl(): string {
    return this.#transport.baseUrl;
  }

  /** Resolves when the server answers that it is alive; needs no valid token. */
  async health(options: CallOptions = {}): Promise<Health> {
    const call = { method: 'GET', path: '/health', repeatable: true, anonymous: true } as const;
    return this.#transport.json(call, healthSchema, options);
  }

  /** Who makes the calls: tenant, member, key, and what it may do. */
  async whoAmI(options: CallOptions = {}): Promise<WhoAmI> {
    return whoAmI(this.#transport, options);
  }

  /** The limits of the tenant, and what is used of each. */
  async quotas(options: CallOptions = {}): Promise<QuotaUse> {
    return quotas(this.#transport, options);
  }

  /** Safe to log: the token is in private state, which neither JSON nor `util.inspect` can see. */
  toJSON(): { baseUrl: string } {
    return { baseUrl: this.baseUrl };
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `PegasusClient { baseUrl: '${this.baseUrl}' }`;
  }
}
