import {
  baseFloorSchema,
  dataOf,
  deliveredSchema,
  deliverRequestSchema,
  forceQuerySchema,
  gateReportSchema,
  integrationConfigBodySchema,
  integrationConfigSchema,
  integrationIdSchema,
  integrationRequirementsSchema,
  integrationSummarySchema,
  integrationVersionParamsSchema,
  integrationVersionSchema,
  INTEGRATION_CONFIG_BYTES,
  LIMITS,
  listOf,
  mapFromExternalRequestSchema,
  mappedFromExternalSchema,
  mappedToExternalSchema,
  mappingSchema,
  mapToExternalRequestSchema,
  PegasusError,
  recordVerdictSchema,
  validateRecordRequestSchema,
} from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { BASE_FLOORS } from '@pegasus-workflows/integrations';
import { type Context } from 'hono';
import { Counter } from 'prom-client';
import { z } from 'zod';
import { type Capability } from '../infra/capability.js';
import { etagOf, parseCondition } from '../infra/conditions.js';
import { type AppEnv, type Services } from '../infra/context.js';
import { addRoute, data, list } from '../infra/http.js';
import { type RequirementLookup } from '../workflows/requirements.js';
import { type ExternalCaller } from '../external/caller.js';
import { type EventsCapability } from '../events/capability.js';
import { Configs } from './configs.js';
import { Deliveries } from './deliveries.js';
import { InboundEvents } from './inbound.js';
import { IntegrationRuntime } from './runtime.js';

const BASE = '/api/v1/integrations';
const ONE = `${BASE}/:id`;
const CONFIG = `${ONE}/config`;
const params = z.object({ id: integrationIdSchema });
const publishing = {
  request: { params, body: integrationConfigBodySchema, maxBodyBytes: INTEGRATION_CONFIG_BYTES },
};
const published = {
  description: 'The new version, which is active',
  schema: dataOf(integrationVersionSchema),
};
const shown = {
  description: 'The version with its parts; its number is the ETag',
  schema: dataOf(integrationConfigSchema),
};
const REFUSALS = ['GATE_FAILED', 'FEATURE_DISABLED', 'STORAGE_QUOTA_EXCEEDED', 'RATE_LIMITED'] as const;

/** `inbound` is for the ingress, which hands on what partners send. */
export interface IntegrationsCapability extends Capability {
  readonly inbound: InboundEvents;
}

/** Integrations as data: their configurations, and what runs on them. */
export function createIntegrations(
  services: Services,
  lookup: RequirementLookup,
  { events }: Pick<EventsCapability, 'events'>,
  caller: ExternalCaller,
): IntegrationsCapability {
  const configs = new Configs(services);
  const degraded = new Counter({
    name: 'pegasus_integration_records_unchecked_total',
    help: 'Records that were let pass because the platform could not check them.',
    registers: [services.metrics],
  });
  const made = new Counter({
    name: 'pegasus_integration_inbound_total',
    help: 'What came of records that partners sent: valid, invalid, old, no-key, or why there was no canonical event.',
    labelNames: ['result'] as const,
    registers: [services.metrics],
  });
  const logger = services.logger.child({ area: 'integrations' });
  const runtime = new IntegrationRuntime(services, degraded);
  const deliveries = new Deliveries({ services, runtime, caller });
  return {
    start: () => deliveries.startSweeping(logger),
    inbound: new InboundEvents({ services, runtime, events, logger, made }),
    mount: (app) => {
      mountLists(app, configs, lookup);
      mountReads(app, configs);
      mountPublishing(app, configs);
      mountLineage(app, configs);
      mountRuntime(app, runtime);
      mountDeliveries(app, deliveries);
    },
  };
}

function mountLists(app: OpenAPIHono<AppEnv>, configs: Configs, lookup: RequirementLookup): void {
  addRoute(
    app,
    {
      method: 'get',
      path: `${BASE}/configs`,
      action: 'ReadIntegrationConfig',
      summary: 'The configuration of every integration that is in force for the caller',
      responses: { 200: { description: 'By integration', schema: listOf(integrationSummarySchema) } },
    },
    async ({ c, principal }) => list(c, await configs.list(principal)),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: `${BASE}/requirements-summary`,
      action: 'ReadIntegrationConfig',
      summary: 'Secrets and configuration that the configurations in force need, and what of it is not set',
      responses: { 200: { description: 'By integration', schema: dataOf(integrationRequirementsSchema) } },
    },
    async ({ c, principal }) => data(c, await configs.requirements(principal, lookup)),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: `${BASE}/floors`,
      action: 'ReadIntegrationConfig',
      summary: 'The floors that a configuration may extend',
      responses: { 200: { description: 'By id', schema: listOf(baseFloorSchema) } },
    },
    ({ c }) => list(c, [...BASE_FLOORS.values()]),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: `${BASE}/floors/:floor`,
      action: 'ReadIntegrationConfig',
      summary: 'One floor',
      request: { params: z.object({ floor: z.string() }) },
      responses: { 200: { description: 'The floor', schema: dataOf(baseFloorSchema) } },
    },
    ({ c, params: { floor } }) => {
      const found = BASE_FLOORS.get(floor);
      if (!found) throw new PegasusError('NOT_FOUND', `There is no floor ${JSON.stringify(floor)}.`);
      return data(c, found);
    },
  );
  addRoute(
    app,
    {
      method: 'get',
      path: `${BASE}/mapping-schema`,
      action: 'ReadIntegrationConfig',
      summary: 'The JSON Schema of a mapping',
      responses: { 200: { description: 'A JSON Schema', schema: dataOf(z.record(z.string(), z.unknown())) } },
    },
    ({ c }) => data(c, z.toJSONSchema(mappingSchema, { io: 'input' })),
  );
}

function mountReads(app: OpenAPIHono<AppEnv>, configs: Configs): void {
  addRoute(
    app,
    {
      method: 'get',
      path: CONFIG,
      action: 'ReadIntegrationConfig',
      summary: "The configuration in force: the tenant's own, else the GLOBAL one",
      request: { params },
      responses: { 200: shown },
    },
    async ({ c, principal, params: { id } }) => tagged(c, await configs.active(principal, id)),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: `${CONFIG}/versions`,
      action: 'ReadIntegrationConfig',
      summary: 'The versions of the configuration in force, newest first, without their parts',
      request: { params },
      responses: { 200: { description: 'The versions', schema: listOf(integrationVersionSchema) } },
    },
    async ({ c, principal, params: { id } }) => list(c, await configs.versions(principal, id)),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: `${CONFIG}/versions/:version`,
      action: 'ReadIntegrationConfig',
      summary: 'One version of the configuration in force',
      request: { params: integrationVersionParamsSchema },
      responses: { 200: shown },
    },
    async ({ c, principal, params: { id, version } }) =>
      tagged(c, await configs.version(principal, id, version)),
  );
}

function mountPublishing(app: OpenAPIHono<AppEnv>, configs: Configs): void {
  const action = 'PublishIntegrationConfig';
  addRoute(
    app,
    {
      method: 'post',
      path: `${CONFIG}/validate`,
      action,
      summary: "The gate's report on a configuration; nothing is written",
      ...publishing,
      errors: ['RATE_LIMITED'],
      responses: { 200: { description: 'The report', schema: dataOf(gateReportSchema) } },
    },
    async ({ c, principal, params: { id }, body }) => data(c, await configs.check(principal, id, body)),
  );
  addRoute(
    app,
    {
      method: 'post',
      path: CONFIG,
      action,
      summary: 'Publish a configuration that passes the gate; with `If-Match` only over the version it names',
      ...publishing,
      errors: [...REFUSALS, 'PRECONDITION_FAILED'],
      responses: { 201: published },
    },
    async ({ c, principal, params: { id }, body }) => {
      const condition = parseCondition((name) => c.req.header(name));
      return tagged(c, await configs.publish(principal, id, body, condition), 201);
    },
  );
  addRoute(
    app,
    {
      method: 'post',
      path: `${CONFIG}/rollback/:version`,
      action,
      summary: 'Publish an old version once more, if it passes the gate today',
      request: { params: integrationVersionParamsSchema },
      errors: REFUSALS,
      responses: { 201: published },
    },
    async ({ c, principal, params: { id, version } }) =>
      tagged(c, await configs.rollback(principal, id, version), 201),
  );
}

function mountLineage(app: OpenAPIHono<AppEnv>, configs: Configs): void {
  const action = 'PublishIntegrationConfig';
  const request = { params, query: forceQuerySchema };
  addRoute(
    app,
    {
      method: 'post',
      path: `${CONFIG}/fork`,
      action,
      summary: 'Copy the GLOBAL configuration into the tenant; with `force` as the next version of its own',
      request,
      errors: [...REFUSALS, 'CONFLICT'],
      responses: { 201: published },
    },
    async ({ c, principal, params: { id }, query: { force } }) =>
      tagged(c, await configs.fork(principal, id, force), 201),
  );
  addRoute(
    app,
    {
      method: 'delete',
      path: CONFIG,
      action,
      summary: "Drop the tenant's own configuration with all its versions; a GLOBAL one is in force again",
      request,
      errors: ['DEPENDENTS_EXIST'],
      responses: { 204: { description: 'It is gone' } },
    },
    async ({ c, principal, params: { id }, query: { force } }) => {
      await configs.drop(principal, id, force);
      return c.body(null, 204);
    },
  );
}

function mountRuntime(app: OpenAPIHono<AppEnv>, runtime: IntegrationRuntime): void {
  const maxBodyBytes = LIMITS.eventBytes;
  addRoute(
    app,
    {
      method: 'post',
      path: `${ONE}/validate`,
      action: 'any-key',
      summary: 'Whether a record keeps the rules; one that the platform cannot check is let pass, `degraded`',
      request: { params, body: validateRecordRequestSchema, maxBodyBytes },
      readOnly: true,
      responses: { 200: { description: 'The verdict', schema: dataOf(recordVerdictSchema) } },
    },
    async ({ c, principal, params: { id }, body }) => data(c, await runtime.validate(principal, id, body)),
  );
  addRoute(
    app,
    {
      method: 'post',
      path: `${ONE}/map-to-external`,
      action: 'any-key',
      summary: 'A canonical record in the form of the outside system',
      request: { params, body: mapToExternalRequestSchema, maxBodyBytes },
      readOnly: true,
      responses: { 200: { description: 'The record', schema: dataOf(mappedToExternalSchema) } },
    },
    async ({ c, principal, params: { id }, body }) => data(c, await runtime.mapTo(principal, id, body)),
  );
  addRoute(
    app,
    {
      method: 'post',
      path: `${ONE}/map-from-external`,
      action: 'any-key',
      summary: 'A record of the outside system, made canonical',
      request: { params, body: mapFromExternalRequestSchema, maxBodyBytes },
      readOnly: true,
      responses: { 200: { description: 'The record', schema: dataOf(mappedFromExternalSchema) } },
    },
    async ({ c, principal, params: { id }, body }) =>
      data(c, await runtime.mapFrom(principal, id, body.data)),
  );
}

function mountDeliveries(app: OpenAPIHono<AppEnv>, deliveries: Deliveries): void {
  addRoute(
    app,
    {
      method: 'post',
      path: `${ONE}/deliver-to-external`,
      action: 'CallExternal',
      summary: 'Map a canonical record and send it through the connection that the configuration names, once',
      request: { params, body: deliverRequestSchema, maxBodyBytes: LIMITS.eventBytes },
      errors: [
        'CONFLICT',
        'REQUIREMENTS_MISSING',
        'IDEMPOTENCY_KEY_REUSED',
        'RATE_LIMITED',
        'PAYLOAD_TOO_LARGE',
        'EXTERNAL_ADDRESS_REFUSED',
        'UPSTREAM_ERROR',
      ],
      dryRun: {
        method: 'integrations.deliver',
        wouldReturn: async ({ principal, params: { id }, body }) => ({
          status: 200,
          data: await deliveries.preview(principal, id, body),
        }),
      },
      responses: {
        200: { description: 'Whether it was taken, or why it was not sent', schema: dataOf(deliveredSchema) },
      },
    },
    async ({ c, principal, params: { id }, body }) => data(c, await deliveries.deliver(principal, id, body)),
  );
}

function tagged(c: Context<AppEnv>, value: { version: number }, status: 200 | 201 = 200): Response {
  c.header('ETag', etagOf(value.version));
  return data(c, value, status);
}
