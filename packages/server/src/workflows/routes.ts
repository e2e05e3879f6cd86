import {
  dataOf,
  downloadUrlSchema,
  finalizeRequestSchema,
  idSchema,
  LIMITS,
  listOf,
  requirementsSummarySchema,
  uploadUrlRequestSchema,
  uploadUrlSchema,
  workflowSchema,
} from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { type AppEnv, type Services } from '../infra/context.js';
import { addRoute, data, list } from '../infra/http.js';
import { forkWorkflow } from './fork.js';
import { finalizeUpload, reserveUpload, type PublishHooks } from './publish.js';
import { summarizeRequirements, type RequirementLookup } from './requirements.js';
import { signDownloadUrl } from './signed-urls.js';
import { listVisible, requireVisible, toWorkflow } from './store.js';
import { registerTransfers } from './transfers.js';

const BASE = '/api/v1/workflows';
const idParams = z.object({ id: idSchema });
const workflowAnswer = { description: 'The workflow', schema: dataOf(workflowSchema) };

export interface WorkflowPorts extends PublishHooks {
  requirements: RequirementLookup;
}

/** Publish, read, download and fork. */
export function registerWorkflows(app: OpenAPIHono<AppEnv>, services: Services, ports: WorkflowPorts): void {
  registerPublish(app, services, ports);
  registerReads(app, services, ports);
  registerTransfers(app, services);
}

function registerPublish(app: OpenAPIHono<AppEnv>, services: Services, ports: WorkflowPorts): void {
  addRoute(
    app,
    {
      method: 'post',
      path: `${BASE}/upload-url`,
      action: 'UploadWorkflow',
      summary: 'Reserve a workflow id and get a URL to upload its artifact to',
      request: { body: uploadUrlRequestSchema },
      errors: ['CONFLICT', 'STORAGE_QUOTA_EXCEEDED'],
      responses: { 201: { description: 'Where to PUT the zip', schema: dataOf(uploadUrlSchema) } },
    },
    async ({ c, principal, body }) => data(c, await reserveUpload(services, principal, body), 201),
  );
  addRoute(
    app,
    {
      method: 'post',
      path: BASE,
      action: 'UploadWorkflow',
      summary: 'Finalize an upload: verify the artifact and publish the workflow, or keep nothing',
      request: { body: finalizeRequestSchema },
      errors: ['NOT_FOUND', 'CONFLICT', 'ARTIFACT_INVALID', 'ARTIFACT_TOO_LARGE', 'STORAGE_QUOTA_EXCEEDED'],
      responses: { 201: workflowAnswer },
    },
    async ({ c, principal, body }) =>
      data(c, toWorkflow(await finalizeUpload(services, ports, principal, body, c.get('log'))), 201),
  );
  addRoute(
    app,
    {
      method: 'post',
      path: `${BASE}/:id/fork`,
      action: 'UploadWorkflow',
      summary: "Copy a GLOBAL workflow into the caller's tenant",
      request: { params: idParams },
      errors: ['CONFLICT', 'STORAGE_QUOTA_EXCEEDED'],
      responses: { 201: workflowAnswer },
    },
    async ({ c, principal, params }) =>
      data(c, toWorkflow(await forkWorkflow(services, principal, params.id)), 201),
  );
}

function registerReads(app: OpenAPIHono<AppEnv>, services: Services, ports: WorkflowPorts): void {
  const { db, settings, clock } = services;
  addRoute(
    app,
    {
      method: 'get',
      path: BASE,
      action: 'ReadWorkflow',
      summary: 'Own and GLOBAL workflows, newest first',
      responses: { 200: { description: 'The workflows', schema: listOf(workflowSchema) } },
    },
    async ({ c, principal }) => {
      const rows = await db.tenant(principal.tenantId, (tx) => listVisible(tx, principal.tenantId));
      return list(c, rows.map(toWorkflow));
    },
  );
  // Before `/:id`, which would take its name for an id.
  addRoute(
    app,
    {
      method: 'get',
      path: `${BASE}/requirements-summary`,
      action: 'ReadWorkflow',
      summary: 'Secrets and configuration values that workflows declare, and which of them are missing',
      responses: { 200: { description: 'By workflow', schema: dataOf(requirementsSummarySchema) } },
    },
    async ({ c, principal }) => data(c, await summarizeRequirements(services, ports.requirements, principal)),
  );
  const requireRow = (tenantId: string, id: string) =>
    db.tenant(tenantId, (tx) => requireVisible(tx, tenantId, id));
  addRoute(
    app,
    {
      method: 'get',
      path: `${BASE}/:id`,
      action: 'ReadWorkflow',
      summary: 'One workflow',
      request: { params: idParams },
      responses: { 200: workflowAnswer },
    },
    async ({ c, principal, params }) => data(c, toWorkflow(await requireRow(principal.tenantId, params.id))),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: `${BASE}/:id/download-url`,
      action: 'ReadWorkflow',
      audited: 'download-url',
      summary: 'A URL to download the artifact from',
      request: { params: idParams },
      responses: { 200: { description: 'Where to GET the zip', schema: dataOf(downloadUrlSchema) } },
    },
    async ({ c, principal, params }) => {
      const row = await requireRow(principal.tenantId, params.id);
      const filename = `${row.name}-${row.version}.zip`;
      const downloadUrl = signDownloadUrl(settings, row.artifactSha256, filename, clock());
      return data(c, { downloadUrl, expiresInSeconds: LIMITS.downloadUrlSeconds });
    },
  );
}
