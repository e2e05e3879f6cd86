import {
  configSchema,
  dataOf,
  listOf,
  masterKeysSchema,
  newConfigSchema,
  newSecretSchema,
  PegasusError,
  putConfigSchema,
  runtimeValueSchema,
  secretSchema,
  STORED_VALUE_BODY_BYTES,
  storedKeySchema,
  storedListQuerySchema,
  storedValueQuerySchema,
} from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { type AppEnv } from '../infra/context.js';
import { addRoute, data, list } from '../infra/http.js';
import { type Rewrap } from './rewrap.js';
import { type StoredValues } from './service.js';

const BASE = '/api/v1/workflow-secrets-configs';
const keyParams = z.object({ key: storedKeySchema });
const deleted = { 204: { description: 'It is gone' } };

/** Secrets and configuration, for people and for running executions, and what the operator sees of master keys. */
export function mountStoredValues(app: OpenAPIHono<AppEnv>, values: StoredValues, rewrap: Rewrap): void {
  mountSecrets(app, values);
  mountConfigs(app, values);
  mountRuntime(app, values);
  addRoute(
    app,
    {
      method: 'get',
      path: '/api/v1/master-keys',
      action: 'ManageTenants',
      summary: 'For the platform tenant: which master keys there are, and how many sealed values need each',
      responses: { 200: { description: 'Counts, never keys', schema: dataOf(masterKeysSchema) } },
    },
    async ({ c, principal }) => {
      if (!principal.isPlatformTenant) {
        throw new PegasusError('FORBIDDEN', "Only the platform tenant's keys may ask for this.");
      }
      return data(c, await rewrap.status());
    },
  );
}

function mountSecrets(app: OpenAPIHono<AppEnv>, values: StoredValues): void {
  addRoute(
    app,
    {
      method: 'get',
      path: `${BASE}/secrets`,
      action: 'ManageWorkflowSecrets',
      summary: 'Which secrets are set; never their values',
      request: { query: storedListQuerySchema },
      responses: { 200: { description: 'By group and key', schema: listOf(secretSchema) } },
    },
    async ({ c, principal, query }) => list(c, await values.listSecrets(principal.tenantId, query.group)),
  );
  addRoute(
    app,
    {
      method: 'post',
      path: `${BASE}/secrets`,
      action: 'ManageWorkflowSecrets',
      summary: 'Set a secret, once: to change it, delete it and set it again',
      request: { body: newSecretSchema, maxBodyBytes: STORED_VALUE_BODY_BYTES },
      errors: ['CONFLICT', 'STORAGE_QUOTA_EXCEEDED'],
      responses: { 201: { description: 'What is told of it', schema: dataOf(secretSchema) } },
    },
    async ({ c, principal, body }) =>
      data(c, await values.setSecret(principal.tenantId, principal.principalId, body), 201),
  );
  addRoute(
    app,
    {
      method: 'delete',
      path: `${BASE}/secrets/:key`,
      action: 'ManageWorkflowSecrets',
      summary: 'Delete a secret',
      request: { params: keyParams, query: storedValueQuerySchema },
      responses: deleted,
    },
    async ({ c, principal, params, query }) => {
      await values.deleteSecret(principal.tenantId, query.group, params.key);
      return c.body(null, 204);
    },
  );
}

function mountConfigs(app: OpenAPIHono<AppEnv>, values: StoredValues): void {
  const answer = { description: 'The configuration value', schema: dataOf(configSchema) };
  addRoute(
    app,
    {
      method: 'get',
      path: `${BASE}/configs`,
      action: 'ManageWorkflowConfigs',
      summary: 'Configuration values',
      request: { query: storedListQuerySchema },
      responses: { 200: { description: 'By group and key', schema: listOf(configSchema) } },
    },
    async ({ c, principal, query }) => list(c, await values.listConfigs(principal.tenantId, query.group)),
  );
  addRoute(
    app,
    {
      method: 'post',
      path: `${BASE}/configs`,
      action: 'ManageWorkflowConfigs',
      summary: 'Set a configuration value that has none',
      request: { body: newConfigSchema, maxBodyBytes: STORED_VALUE_BODY_BYTES },
      errors: ['CONFLICT', 'STORAGE_QUOTA_EXCEEDED'],
      responses: { 201: answer },
    },
    async ({ c, principal, body }) =>
      data(c, await values.createConfig(principal.tenantId, principal.principalId, body), 201),
  );
  addRoute(
    app,
    {
      method: 'put',
      path: `${BASE}/configs/:key`,
      action: 'ManageWorkflowConfigs',
      summary: 'Set or replace a configuration value',
      errors: ['STORAGE_QUOTA_EXCEEDED'],
      request: { params: keyParams, body: putConfigSchema, maxBodyBytes: STORED_VALUE_BODY_BYTES },
      responses: { 200: { ...answer, description: 'It replaced a value' }, 201: answer },
    },
    async ({ c, principal, params, body }) => {
      const { tenantId, principalId } = principal;
      const { config, isNew } = await values.putConfig(tenantId, principalId, params.key, body);
      return data(c, config, isNew ? 201 : 200);
    },
  );
  addRoute(
    app,
    {
      method: 'delete',
      path: `${BASE}/configs/:key`,
      action: 'ManageWorkflowConfigs',
      summary: 'Delete a configuration value',
      request: { params: keyParams, query: storedValueQuerySchema },
      responses: deleted,
    },
    async ({ c, principal, params, query }) => {
      await values.deleteConfig(principal.tenantId, query.group, params.key);
      return c.body(null, 204);
    },
  );
}

function mountRuntime(app: OpenAPIHono<AppEnv>, values: StoredValues): void {
  addRoute(
    app,
    {
      method: 'get',
      path: `${BASE}/runtime/secrets/:key`,
      action: 'ReadWorkflowSecret',
      summary: "A secret's value, for a running execution",
      request: { params: keyParams, query: storedValueQuerySchema },
      responses: { 200: { description: 'The value; not to be cached', schema: dataOf(runtimeValueSchema) } },
    },
    async ({ c, principal, params, query }) => {
      const value = await values.readSecret(principal.tenantId, query.group, params.key);
      c.header('Cache-Control', 'no-store');
      return data(c, { value });
    },
  );
  addRoute(
    app,
    {
      method: 'get',
      path: `${BASE}/runtime/configs/:key`,
      action: 'ReadWorkflowConfig',
      summary: 'A configuration value, for a running execution',
      request: { params: keyParams, query: storedValueQuerySchema },
      responses: { 200: { description: 'The value', schema: dataOf(runtimeValueSchema) } },
    },
    async ({ c, principal, params, query }) =>
      data(c, { value: await values.readConfig(principal.tenantId, query.group, params.key) }),
  );
}
