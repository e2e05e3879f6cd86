import { Readable } from 'node:stream';
import {
  closedRunsSchema,
  demandSchema,
  eagerPollsSchema,
  idSchema,
  payloadKeySetSchema,
  PegasusError,
  RUNNER_API_PREFIX,
} from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { and, eq } from 'drizzle-orm';
import { z } from 'zod';
import { type AppEnv, type Services } from '../infra/context.js';
import { addRoute } from '../infra/http.js';
import { tenants, workflows } from '../infra/schema.js';
import { type ExecutionEngine } from '../executions/engine.js';
import { type PayloadBlobStore } from '../payload-blobs/blobs.js';

/** Longest wait of a demand poll. */
const WAIT_SECONDS_MAX = 55;

const demandQuery = z.strictObject({
  cursor: z.string().max(200).optional(),
  waitSeconds: z.coerce.number().int().min(0).max(WAIT_SECONDS_MAX).default(0),
});
const BYTES = 'application/octet-stream';
const artifactParams = z.object({
  tenantId: idSchema,
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits'),
});

/** Mounts the runner's API (`contracts/runner.ts`). The app lets only the holder of the runner token get here. */
export function mountInternal(
  app: OpenAPIHono<AppEnv>,
  services: Pick<Services, 'db' | 'artifacts' | 'payloadKeys' | 'payloadBlobs' | 'eagerTasks'>,
  { demand, closeNotices }: Pick<ExecutionEngine, 'demand' | 'closeNotices'>,
): void {
  const { db, artifacts, eagerTasks } = services;
  addRoute(
    app,
    {
      method: 'get',
      path: `${RUNNER_API_PREFIX}/demand`,
      action: 'runner',
      summary: 'The artifacts that need a worker; waits for a change when `cursor` is the present one.',
      request: { query: demandQuery },
      responses: { 200: { description: 'All artifacts in demand now.', schema: demandSchema } },
    },
    async ({ query, c }) =>
      c.json(await demand.next(query.cursor, query.waitSeconds * 1_000, c.req.raw.signal)),
  );
  addRoute(
    app,
    {
      method: 'post',
      path: `${RUNNER_API_PREFIX}/closed-runs`,
      action: 'runner',
      summary: 'Tells that workers have just closed runs; the outcome itself is asked of Temporal.',
      request: { body: closedRunsSchema },
      responses: { 204: { description: 'Noted.' } },
    },
    ({ body, c }) => {
      closeNotices.note(body.runs);
      return c.body(null, 204);
    },
  );
  addRoute(
    app,
    {
      method: 'post',
      path: `${RUNNER_API_PREFIX}/eager-tasks`,
      action: 'runner',
      summary:
        'First workflow tasks of runs that are started here, for the queues that the supervisor polls.',
      request: { body: eagerPollsSchema },
      responses: {
        200: { description: 'Lines of JSON, without end.', contentType: 'application/x-ndjson' },
      },
    },
    ({ body, c }) => c.body(eagerTasks.open(body), 200, { 'Content-Type': 'application/x-ndjson' }),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: `${RUNNER_API_PREFIX}/artifacts/:tenantId/:sha256`,
      action: 'runner',
      summary: 'An artifact’s zip.',
      request: { params: artifactParams },
      responses: { 200: { description: 'The zip.', contentType: 'application/zip' } },
    },
    async ({ params: { tenantId, sha256 }, c }) => {
      const [workflow] = await db.tenant(tenantId, (tx) =>
        tx
          .select({ id: workflows.id })
          .from(workflows)
          .where(and(eq(workflows.tenantId, tenantId), eq(workflows.artifactSha256, sha256)))
          .limit(1),
      );
      const stored = workflow && (await artifacts.read(sha256));
      if (!stored) throw new PegasusError('NOT_FOUND', 'This tenant has no artifact with this SHA-256.');
      return c.body(stored.stream, 200, {
        'Content-Type': 'application/zip',
        'Content-Length': String(stored.sizeBytes),
      });
    },
  );
  mountPayloadKeys(app, services);
}

function mountPayloadKeys(
  app: OpenAPIHono<AppEnv>,
  { db, payloadKeys, payloadBlobs }: Pick<Services, 'db' | 'payloadKeys' | 'payloadBlobs'>,
): void {
  addRoute(
    app,
    {
      method: 'get',
      path: `${RUNNER_API_PREFIX}/tenants/:tenantId/payload-keys`,
      action: 'runner',
      summary: 'What a tenant’s worker encrypts and reads payloads with; makes the first key.',
      request: { params: z.object({ tenantId: idSchema }) },
      responses: { 200: { description: 'The keys: secret.', schema: payloadKeySetSchema } },
    },
    async ({ params: { tenantId }, c }) => {
      const found = await db.system((tx) =>
        tx.select({ id: tenants.id }).from(tenants).where(eq(tenants.id, tenantId)),
      );
      if (found.length === 0) throw new PegasusError('NOT_FOUND', 'There is no tenant with this id.');
      c.header('Cache-Control', 'no-store');
      const { fromBytes, maxBytes } = payloadBlobs.limits;
      return c.json({ ...(await payloadKeys.setOf(tenantId)), blobs: { fromBytes, maxBytes } });
    },
  );
  mountBlobs(app, payloadBlobs);
}

function mountBlobs(app: OpenAPIHono<AppEnv>, blobs: PayloadBlobStore): void {
  const path = `${RUNNER_API_PREFIX}/tenants/:tenantId/blobs/:sha256`;
  addRoute(
    app,
    {
      method: 'put',
      path,
      action: 'runner',
      summary: 'Keeps the ciphertext of a large payload, named by its SHA-256; answers once it is safe.',
      request: { params: artifactParams },
      errors: ['PAYLOAD_TOO_LARGE', 'STORAGE_QUOTA_EXCEEDED', 'SERVICE_UNAVAILABLE'],
      responses: { 204: { description: 'Kept.' } },
    },
    async ({ params, c }) => {
      await blobs.keep(params, c.req.raw.body ?? Readable.from([]));
      return c.body(null, 204);
    },
  );
  addRoute(
    app,
    {
      method: 'get',
      path,
      action: 'runner',
      summary: 'The ciphertext of a large payload of this tenant.',
      request: { params: artifactParams },
      responses: { 200: { description: 'The bytes.', contentType: BYTES } },
    },
    async ({ params, c }) => {
      const found = await blobs.open(params);
      if (!found) throw new PegasusError('NOT_FOUND', 'This tenant has no blob with this SHA-256.');
      return c.body(found.stream, 200, {
        'Content-Type': BYTES,
        'Content-Length': String(found.sizeBytes),
        'Cache-Control': 'no-store',
      });
    },
  );
}
