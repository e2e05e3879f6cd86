import {
  dataOf,
  LIMITS,
  projectionSchema,
  projectionSegmentSchema,
  projectionsPageSchema,
  projectionsQuerySchema,
  putProjectionSchema,
  type Projection,
} from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { type Context } from 'hono';
import { z } from 'zod';
import { type Capability } from '../infra/capability.js';
import { type AppEnv, type Services } from '../infra/context.js';
import { addRoute, data } from '../infra/http.js';
import { etagOf, holds, parseCondition, type Condition } from '../infra/conditions.js';
import { Projections } from './service.js';
import { type Collection, type Place } from './store.js';

const LIST = '/api/v1/integration-projections/runtime/:integration/:entityType';
const ONE = `${LIST}/:key`;
const listParams = z.object({ integration: projectionSegmentSchema, entityType: projectionSegmentSchema });
const params = listParams.extend({ key: projectionSegmentSchema });
const answer = { description: 'The projection; its version is the ETag', schema: dataOf(projectionSchema) };

/** What workflows remember of outside systems' records. */
export function createProjections(services: Services): Capability {
  const projections = new Projections(services);
  return {
    mount: (app) => {
      mountReads(app, projections);
      mountPut(app, projections);
      mountDelete(app, projections);
    },
  };
}

function mountReads(app: OpenAPIHono<AppEnv>, projections: Projections): void {
  addRoute(
    app,
    {
      method: 'get',
      path: LIST,
      action: 'ReadIntegrationProjection',
      summary: 'Projections of one type of an integration, by key; a page may end before its limit',
      request: { params: listParams, query: projectionsQuerySchema },
      responses: { 200: { description: 'A page', schema: projectionsPageSchema } },
    },
    async ({ c, principal, params, query }) =>
      c.json(await projections.list(principal, collectionOf(params), query)),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: ONE,
      action: 'ReadIntegrationProjection',
      summary: 'One projection',
      request: { params },
      responses: { 200: answer, 304: { description: 'It is what `If-None-Match` names' } },
    },
    async ({ c, principal, params }) => {
      const { ifNoneMatch } = conditionOf(c);
      const projection = await projections.get(principal, placeOf(params));
      c.header('ETag', etagOf(projection.version));
      if (!holds({ ifMatch: null, ifNoneMatch }, projection.version)) return c.body(null, 304);
      return data(c, projection);
    },
  );
}

function mountPut(app: OpenAPIHono<AppEnv>, projections: Projections): void {
  addRoute(
    app,
    {
      method: 'put',
      path: ONE,
      action: 'WriteIntegrationProjection',
      summary:
        'Set or replace a state; with `If-Match` only the version it names, with `If-None-Match: *` only a new one',
      errors: ['PRECONDITION_FAILED', 'STORAGE_QUOTA_EXCEEDED'],
      request: { params, body: putProjectionSchema, maxBodyBytes: LIMITS.projectionBodyBytes },
      dryRun: {
        method: 'projections.put',
        wouldReturn: async ({ c, principal, params, body }) => {
          const condition = conditionOf(c);
          const made = await projections.previewPut(principal, placeOf(params), body.state, condition);
          return { status: statusOf(made), data: tagged(c, made.projection) };
        },
      },
      responses: { 200: { ...answer, description: 'It replaced a state' }, 201: answer },
    },
    async ({ c, principal, params, body }) => {
      const made = await projections.put(principal, placeOf(params), body.state, conditionOf(c));
      return data(c, tagged(c, made.projection), statusOf(made));
    },
  );
}

function mountDelete(app: OpenAPIHono<AppEnv>, projections: Projections): void {
  addRoute(
    app,
    {
      method: 'delete',
      path: ONE,
      action: 'WriteIntegrationProjection',
      summary: 'Delete a projection; with `If-Match` only the version it names',
      errors: ['PRECONDITION_FAILED'],
      request: { params },
      dryRun: {
        method: 'projections.delete',
        wouldReturn: async ({ c, principal, params }) => {
          await projections.previewDelete(principal, placeOf(params), conditionOf(c));
          return { status: 204 };
        },
      },
      responses: { 204: { description: 'It is gone' } },
    },
    async ({ c, principal, params }) => {
      await projections.delete(principal, placeOf(params), conditionOf(c));
      return c.body(null, 204);
    },
  );
}

function collectionOf({ integration, entityType }: z.output<typeof listParams>): Collection {
  return { integrationId: integration, entityType };
}

function placeOf({ key, ...collection }: z.output<typeof params>): Place {
  return { ...collectionOf(collection), entityKey: key };
}

function conditionOf(c: Context<AppEnv>): Condition {
  return parseCondition((name) => c.req.header(name));
}

function statusOf({ isNew }: { isNew: boolean }): 200 | 201 {
  return isNew ? 201 : 200;
}

function tagged(c: Context<AppEnv>, projection: Projection): Projection {
  c.header('ETag', etagOf(projection.version));
  return projection;
}
