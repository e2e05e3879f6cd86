import { type OpenAPIHono } from '@hono/zod-openapi';
import { html, raw } from 'hono/html';
import { type AppEnv } from '../infra/context.js';

type Document = ReturnType<OpenAPIHono<AppEnv>['getOpenAPI31Document']>;
type PathItem = NonNullable<Document['paths']>[string];
type OperationDoc = NonNullable<PathItem['get']>;

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

/**
 * `/openapi.json`, and `/docs`: the same as one page to read. The page is rendered here, without a script, so that it
 * works where there is no internet and under any content policy.
 */
export function registerDocs(app: OpenAPIHono<AppEnv>): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  let cached: Document | undefined;
  const document = (): Document =>
    (cached ??= app.getOpenAPI31Document({
      openapi: '3.1.0',
      info: { title: 'Pegasus', version: '1', description: 'Durable workflows: publish, run, observe.' },
    }));
  app.get('/openapi.json', (c) => {
    c.set('route', '/openapi.json');
    return c.json(document());
  });
  app.get('/docs', (c) => {
    c.set('route', '/docs');
    c.header('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'");
    return c.html(renderPage(document()));
  });
}

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
  h2 { margin-top: 2.5rem; text-transform: capitalize; }
  summary { cursor: pointer; padding: 0.3rem 0; }
  code { font-family: ui-monospace, monospace; }
  pre { background: #8881; padding: 0.8rem; border-radius: 0.4rem; overflow-x: auto; font-size: 0.85rem; }
  .method { display: inline-block; min-width: 4.5rem; font-weight: 600; }
  .about { color: #777; }
  :root { color-scheme: light dark; }
`;

function renderPage(document: Document) {
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    METHODS.flatMap((method) => (item[method] ? [{ path, method, operation: item[method] }] : [])),
  );
  const tags = [...new Set(operations.map(({ operation }) => operation.tags?.[0] ?? 'platform'))];
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${document.info.title} API</title>
        <style>
          ${raw(STYLE)}
        </style>
      </head>
      <body>
        <h1>${document.info.title} API</h1>
        <p>${document.info.description} For tools: <a href="/openapi.json">openapi.json</a>.</p>
        <p>Send <code>Authorization: Bearer vnd_…</code> with every call under <code>/api/v1</code>.</p>
        ${tags.map(
          (tag) =>
            html`<h2>${tag}</h2>
              ${operations
                .filter(({ operation }) => (operation.tags?.[0] ?? 'platform') === tag)
                .map(({ path, method, operation }) => renderOperation(path, method, operation))}`,
        )}
      </body>
    </html>`;
}

function renderOperation(path: string, method: string, operation: OperationDoc) {
  const { parameters, requestBody, responses } = operation;
  const parts = [
    ...(parameters?.length ? [{ title: 'Parameters', value: parameters }] : []),
    ...(requestBody ? [{ title: 'Request', value: contentOf(requestBody) }] : []),
    ...Object.entries(responses ?? {})
      .filter(([, value]) => !isFailure(value))
      .map(([status, value]: [string, { description?: string }]) => ({
        title: `${status} ${value.description ?? ''}`,
        value: contentOf(value),
      })),
  ];
  const failures = Object.entries(responses ?? {})
    .filter(([, value]) => isFailure(value))
    .map(([status, value]: [string, { description?: string }]) => `${status} ${value.description ?? ''}`);
  return html`<details>
    <summary>
      <code><span class="method">${method.toUpperCase()}</span>${path}</code>
      <span class="about">${operation.summary}</span>
    </summary>
    ${operation.description ? html`<p>${operation.description}</p>` : ''}
    ${parts.map(
      ({ title, value }) =>
        html`<h4>${title}</h4>
          ${value === undefined ? '' : html`<pre><code>${JSON.stringify(value, null, 2)}</code></pre>`}`,
    )}
    <h4>Failures</h4>
    <p>${failures.join('; ').replaceAll('`', '')}</p>
  </details>`;
}

/** Of the one shape that every failure has. */
function isFailure(response: object): boolean {
  const schema = contentOf(response);
  return typeof schema === 'object' && schema !== null && '$ref' in schema;
}

/** The JSON Schema of a request or response, whatever its media type. */
function contentOf(value: object): unknown {
  if (!('content' in value) || typeof value.content !== 'object' || value.content === null) return undefined;
  const [first] = Object.values(value.content) as { schema?: unknown }[];
  return first?.schema;
}
