import {
  dataOf,
  EXTERNAL_CALL_SECONDS,
  integrationIdSchema,
  listOf,
  type Delivered,
  type DeliverRequest,
  type GateReportBody,
  type IntegrationConfigBody,
  type IntegrationConfigVersion,
  type IntegrationRequirements,
  type IntegrationSummary,
  type IntegrationVersion,
  type MappedFromExternal,
  type MappedToExternal,
  type MapToExternalRequest,
  type RecordVerdict,
  type ValidateRecordRequest,
} from '@pegasus-workflows/contracts';
import type { z } from 'zod';
import type { CallOptions } from './options.js';
import {
  readDelivered,
  readGateReport,
  readIntegrationConfig,
  readIntegrationRequirements,
  readIntegrationSummary,
  readIntegrationVersion,
  readMappedFromExternal,
  readMappedToExternal,
  readRecordVerdict,
} from './schemas.js';
import type { Transport } from './transport.js';

const INTEGRATIONS = '/api/v1/integrations';
/** The server ends the call by itself; this is longer, so that it is the one to say so. */
const DELIVERY_TIMEOUT_MS = (EXTERNAL_CALL_SECONDS + 15) * 1_000;
/** The gate may run ten thousand cases. */
const GATE_TIMEOUT_MS = 120_000;

export interface PublishConfigOptions extends CallOptions {
  /** Only over this version; 0: only where the tenant has none of its own. PRECONDITION_FAILED when it is not so. */
  ifVersion?: number | undefined;
}

export interface ForceOptions extends CallOptions {
  force?: boolean | undefined;
}

/**
 * Records of outside systems, checked, mapped and delivered by the configuration that is in force. Checks and mappings
 * change nothing, need no action of the manifest, and a dry run makes them as usual.
 */
export class IntegrationsApi {
  /** The configurations themselves. */
  readonly configs: IntegrationConfigsApi;
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
    this.configs = new IntegrationConfigsApi(transport);
  }

  /**
   * Whether a record, in the form of the outside system, keeps the rules. Without `prior` the record's projection is
   * taken for it. A platform that cannot check lets the record pass: `valid` and `degraded` are true then.
   */
  async validate(
    integrationId: string,
    request: ValidateRecordRequest,
    options: CallOptions = {},
  ): Promise<RecordVerdict> {
    return this.#post(integrationId, 'validate', request, dataOf(readRecordVerdict), options);
  }

  /** A canonical record, in the form of the outside system. Throws NOT_FOUND. */
  async mapToExternal(
    integrationId: string,
    request: MapToExternalRequest,
    options: CallOptions = {},
  ): Promise<MappedToExternal> {
    return this.#post(integrationId, 'map-to-external', request, dataOf(readMappedToExternal), options);
  }

  /** A record of the outside system, made canonical. Throws NOT_FOUND. */
  async mapFromExternal(
    integrationId: string,
    data: unknown,
    options: CallOptions = {},
  ): Promise<MappedFromExternal> {
    return this.#post(integrationId, 'map-from-external', { data }, dataOf(readMappedFromExternal), options);
  }

  /**
   * Maps a canonical record and sends it through the connection that the configuration names, once: what was taken is not
   * sent again, however often it is asked for. The manifest declares `CallExternal`.
   * @throws PegasusApiError UPSTREAM_ERROR when nobody took it yet: ask again
   */
  async deliver(
    integrationId: string,
    request: DeliverRequest,
    options: CallOptions = {},
  ): Promise<Delivered> {
    const patient = { timeoutMs: DELIVERY_TIMEOUT_MS, ...options };
    return this.#post(integrationId, 'deliver-to-external', request, dataOf(readDelivered), patient);
  }

  async #post<T>(
    integrationId: string,
    what: string,
    body: object,
    schema: z.ZodType<{ data: T }>,
    options: CallOptions,
  ): Promise<T> {
    const path = `${pathOf(integrationId)}/${what}`;
    const call = { method: 'POST', path, body, repeatable: true } as const;
    return (await this.#transport.json(call, schema, options)).data;
  }
}

/** Versions of integration configurations. The active one is the tenant's own newest, else the GLOBAL newest. */
export class IntegrationConfigsApi {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** What is in force, by integration. */
  async list(options: CallOptions = {}): Promise<IntegrationSummary[]> {
    const call = { method: 'GET', path: `${INTEGRATIONS}/configs`, repeatable: true } as const;
    return (await this.#transport.json(call, listOf(readIntegrationSummary), options)).data;
  }

  /** Secrets and configuration values that they need, and what of it is not set. */
  async requirements(options: CallOptions = {}): Promise<IntegrationRequirements> {
    const call = { method: 'GET', path: `${INTEGRATIONS}/requirements-summary`, repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(readIntegrationRequirements), options)).data;
  }

  /** The active one with its parts. Throws NOT_FOUND. */
  async get(integrationId: string, options: CallOptions = {}): Promise<IntegrationConfigVersion> {
    return this.#read(configPath(integrationId), options);
  }

  /** One version of the lineage in force, with its parts. Throws NOT_FOUND. */
  async version(
    integrationId: string,
    version: number,
    options: CallOptions = {},
  ): Promise<IntegrationConfigVersion> {
    return this.#read(`${configPath(integrationId)}/versions/${version}`, options);
  }

  /** Of the lineage in force, newest first, without their parts. Throws NOT_FOUND. */
  async versions(integrationId: string, options: CallOptions = {}): Promise<IntegrationVersion[]> {
    const path = `${configPath(integrationId)}/versions`;
    const call = { method: 'GET', path, repeatable: true } as const;
    return (await this.#transport.json(call, listOf(readIntegrationVersion), options)).data;
  }

  /** The gate's report; nothing is stored. */
  async validate(
    integrationId: string,
    body: IntegrationConfigBody,
    options: CallOptions = {},
  ): Promise<GateReportBody> {
    const path = `${configPath(integrationId)}/validate`;
    const call = { method: 'POST', path, body, repeatable: true } as const;
    const patient = { timeoutMs: GATE_TIMEOUT_MS, ...options };
    return (await this.#transport.json(call, dataOf(readGateReport), patient)).data;
  }

  /** Throws GATE_FAILED with the report as `error.report`, PRECONDITION_FAILED, FEATURE_DISABLED. */
  async publish(
    integrationId: string,
    body: IntegrationConfigBody,
    { ifVersion, ...options }: PublishConfigOptions = {},
  ): Promise<IntegrationVersion> {
    return this.#publish(configPath(integrationId), options, {
      body,
      ifMatch: ifVersion ? `"${ifVersion}"` : undefined,
      ifNoneMatch: ifVersion === 0 ? '*' : undefined,
    });
  }

  /** Publishes an old version once more, if it passes the gate today. */
  async rollback(
    integrationId: string,
    version: number,
    options: CallOptions = {},
  ): Promise<IntegrationVersion> {
    return this.#publish(`${configPath(integrationId)}/rollback/${version}`, options);
  }

  /** Copies the GLOBAL one into the tenant. Throws CONFLICT when it has one, unless `force`. */
  async fork(integrationId: string, { force, ...options }: ForceOptions = {}): Promise<IntegrationVersion> {
    return this.#publish(`${configPath(integrationId)}/fork${force ? '?force=true' : ''}`, options);
  }

  /** Drops the tenant's own with all its versions. Throws DEPENDENTS_EXIST for a GLOBAL one, unless `force`. */
  async drop(integrationId: string, { force, ...options }: ForceOptions = {}): Promise<void> {
    const path = `${configPath(integrationId)}${force ? '?force=true' : ''}`;
    await this.#transport.empty({ method: 'DELETE', path, repeatable: false }, options);
  }

  async #read(path: string, options: CallOptions): Promise<IntegrationConfigVersion> {
    const call = { method: 'GET', path, repeatable: true } as const;
    return (await this.#transport.json(call, dataOf(readIntegrationConfig), options)).data;
  }

  async #publish(
    path: string,
    options: CallOptions,
    parts: { body?: object; ifMatch?: string | undefined; ifNoneMatch?: string | undefined } = {},
  ): Promise<IntegrationVersion> {
    // Made twice it is two versions.
    const call = { method: 'POST', path, ...parts, repeatable: false } as const;
    const patient = { timeoutMs: GATE_TIMEOUT_MS, ...options };
    return (await this.#transport.json(call, dataOf(readIntegrationVersion), patient)).data;
  }
}

function configPath(integrationId: string): string {
  return `${pathOf(integrationId)}/config`;
}

/** @throws TypeError when no path can carry the id */
function pathOf(integrationId: string): string {
  const parsed = integrationIdSchema.safeParse(integrationId);
  if (parsed.success) return `${INTEGRATIONS}/${encodeURIComponent(parsed.data)}`;
  throw new TypeError(`integrations: the id ${parsed.error.issues[0]!.message}`);
}
