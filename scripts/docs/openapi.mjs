// The OpenAPI document of the server, without a server: the app is put together as `main.ts` does it, with parts that no
// request will ever reach, and asked for `/openapi.json`.
import { OpenAPIHono } from '@hono/zod-openapi';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import * as contracts from '../../packages/contracts/dist/index.js';
import { createApp, createExecutionEngine } from '../../packages/server/dist/index.js';

/** @returns {Promise<object>} the document as the server answers it */
export async function openApiDocument() {
  const services = {
    db: neverUsed('the database'),
    findKey: neverUsed('the keys'),
    payloadKeys: neverUsed('the payload keys'),
    artifacts: neverUsed('the artifact store'),
    temporal: neverUsed('Temporal'),
    logger: pino({ enabled: false }),
    metrics: new Registry(),
    settings: {
      runnerToken: '',
      workflowsEnabled: true,
      maxOpenExecutions: 1,
      maxExecutionsPerDay: 1,
      codecOrigins: [],
      payloadBlobs: { fromBytes: 1, maxBytes: 1, days: 1 },
    },
    clock: () => new Date(0),
  };
  const app = createApp(services, createExecutionEngine(services));
  const response = await app.request('/openapi.json');
  if (!response.ok) throw new Error(`/openapi.json answered ${response.status}: ${await response.text()}`);
  return response.json();
}

/** The public part: what a client calls. The runner's own calls are left out. */
export async function publicDocument() {
  const document = await openApiDocument();
  const paths = Object.entries(document.paths).filter(([path]) => !path.startsWith('/internal/'));
  return { ...document, paths: Object.fromEntries(paths) };
}

/** May be handed on, whole or a part of it, and asked for nothing. */
function neverUsed(what) {
  return new Proxy(() => {}, {
    get: (_target, property) => neverUsed(`${String(property)} of ${what}`),
    apply: () => {
      throw new Error(`the routes ask for ${what} before there is any request`);
    },
  });
}

/**
 * The named shapes of the wire, as the OpenAPI generator writes them out: `Execution`, `Manifest`, …
 * @returns {Map<string, object>} by name
 */
export function namedShapes() {
  const app = new OpenAPIHono();
  const schemas = Object.entries(contracts).filter(
    ([name, value]) => name.endsWith('Schema') && ['object', 'enum'].includes(value?.type),
  );
  for (const [name, schema] of schemas) {
    const content = { 'application/json': { schema } };
    app.openAPIRegistry.registerPath({
      method: 'get',
      path: `/${name}`,
      responses: { 200: { description: '', content } },
    });
  }
  const { paths } = app.getOpenAPI31Document({ openapi: '3.1.0', info: { title: '', version: '' } });
  return new Map(
    schemas.map(([name]) => [
      name.charAt(0).toUpperCase() + name.slice(1, -'Schema'.length),
      paths[`/${name}`].get.responses[200].content['application/json'].schema,
    ]),
  );
}
