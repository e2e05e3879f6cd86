import { randomUUID } from 'node:crypto';
import { type Logger } from '@pegasus-workflows/kit';
import { type MiddlewareHandler } from 'hono';
import { type AppEnv } from './context.js';

const CORRELATION_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** One finished request, as logs and metrics see it. */
export interface RequestRecord {
  method: string;
  /** The route's pattern, never the path: paths hold ids, queries hold signatures. `unmatched` when there is none. */
  route: string;
  status: number;
  ms: number;
}

/**
 * Gives every request a correlation id (the caller's, when it is a sane one), answers it in `X-Correlation-Id`,
 * and writes one line when the answer's head is ready.
 */
export function requestLog(
  logger: Logger,
  observe: (record: RequestRecord) => void,
): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const started = performance.now();
    const given = c.req.header('x-correlation-id');
    const correlationId = given !== undefined && CORRELATION_ID.test(given) ? given : randomUUID();
    const log = logger.child({ correlationId });
    c.set('correlationId', correlationId);
    c.set('log', log);
    await next();
    // Not `c.header`, which makes another response of one that is finished, at a tenth of a request's time.
    c.res.headers.set('X-Correlation-Id', correlationId);
    const ms = Math.round((performance.now() - started) * 10) / 10;
    const record = { method: c.req.method, route: c.get('route') ?? 'unmatched', status: c.res.status, ms };
    observe(record);
    log.info({ ...record, tenantId: c.get('principal')?.tenantId }, 'request');
  };
}
