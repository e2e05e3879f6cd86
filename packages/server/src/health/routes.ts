import { type OpenAPIHono } from '@hono/zod-openapi';
import { errorForLog } from '../infra/error-log.js';
import { z } from 'zod';
import { type AppEnv, type Services } from '../infra/context.js';
import { addRoute } from '../infra/http.js';
import { registerDocs } from './docs.js';

/** A part the server cannot work without. */
export interface ReadinessCheck {
  name: string;
  /** Rejects when the part does not answer. */
  check(): Promise<void>;
}

/** How long a part may take to answer before it counts as gone. */
const CHECK_TIMEOUT_MS = 3_000;

const readinessSchema = z.object({
  status: z.enum(['ready', 'unavailable']),
  checks: z.record(z.string(), z.enum(['ok', 'unavailable'])),
});

/** `/health`, `/ready`, `/metrics`, `/openapi.json`, `/docs`: for operators and their tools, without a key. */
export function registerHealth(
  app: OpenAPIHono<AppEnv>,
  services: Services,
  checks: readonly ReadinessCheck[],
): void {
  addRoute(
    app,
    {
      method: 'get',
      path: '/health',
      action: 'public',
      summary: 'Whether the process is alive',
      responses: { 200: { description: 'It is', schema: z.object({ status: z.literal('ok') }) } },
    },
    ({ c }) => c.json({ status: 'ok' }),
  );
  addRoute(
    app,
    {
      method: 'get',
      path: '/ready',
      action: 'public',
      summary: 'Whether every part the server needs answers',
      responses: {
        200: { description: 'Every part does', schema: readinessSchema },
        503: { description: 'At least one does not', schema: readinessSchema },
      },
    },
    async ({ c }) => {
      const results = await Promise.all(checks.map((part) => runCheck(services, part)));
      const ready = results.every(Boolean);
      const parts = checks.map(({ name }, i) => [name, results[i] ? 'ok' : 'unavailable']);
      return c.json(
        { status: ready ? 'ready' : 'unavailable', checks: Object.fromEntries(parts) },
        ready ? 200 : 503,
      );
    },
  );
  addRoute(
    app,
    {
      method: 'get',
      path: '/metrics',
      action: 'public',
      summary: 'Numbers for Prometheus',
      responses: { 200: { description: 'Prometheus text format', contentType: 'text/plain' } },
    },
    async ({ c }) =>
      c.body(await services.metrics.metrics(), 200, { 'Content-Type': services.metrics.contentType }),
  );
  registerDocs(app);
}

async function runCheck(services: Services, { name, check }: ReadinessCheck): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer in ${CHECK_TIMEOUT_MS} ms`)), CHECK_TIMEOUT_MS);
  });
  try {
    await Promise.race([check(), timeout]);
    return true;
  } catch (error) {
    services.logger.warn({ error: errorForLog(error), part: name }, 'a part of the platform does not answer');
    return false;
  } finally {
    clearTimeout(timer);
  }
}
