import { PegasusError, type ErrorBody, type ErrorCode } from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { type Context } from 'hono';
import { type ContentfulStatusCode } from 'hono/utils/http-status';
import { type AppEnv } from './context.js';
import { errorForLog } from './error-log.js';
import { methodNotAllowed, methodsAt } from './http.js';

/** Seconds after which the very same call is worth repeating, for the codes where that is known. */
const RETRY_AFTER: Partial<Record<ErrorCode, number>> = { SERVICE_UNAVAILABLE: 1, CONCURRENCY_LIMIT: 1 };

/** Installs the one shape of every failure: `{error, code, problems?, data?, correlationId?}`. */
export function installErrorHandlers(app: OpenAPIHono<AppEnv>): void {
  app.onError((error, c) => respondWithError(c, error));
  app.notFound((c) => {
    const methods = methodsAt(app, c.req.path);
    if (methods.length === 0) {
      return respondWithError(c, new PegasusError('NOT_FOUND', 'There is nothing at this path.'));
    }
    return respondWithError(c, methodNotAllowed(c, methods));
  });
}

/** Turns any failure into its answer. An unknown one becomes INTERNAL_ERROR: logged, told without detail. */
export function respondWithError(c: Context<AppEnv>, error: unknown): Response {
  const known =
    error instanceof PegasusError
      ? error
      : new PegasusError('INTERNAL_ERROR', 'Something went wrong on our side; it has been logged.', {
          cause: error,
        });
  const log = c.get('log');
  if (c.req.raw.signal.aborted) {
    log.info({ code: known.code }, 'the client went away');
  } else if (known.status >= 500) {
    log.error({ error: errorForLog(known) }, 'request failed');
  }
  const body: ErrorBody = { error: known.message, code: known.code };
  if (known.problems) body.problems = known.problems;
  if (known.data !== undefined) body.data = known.data;
  if (known.report !== undefined) body.report = known.report;
  if (known.status >= 500) body.correlationId = c.get('correlationId');
  if (known.code === 'UNAUTHENTICATED') c.header('WWW-Authenticate', 'Bearer');
  const retryAfter = known.retryAfterSeconds ?? RETRY_AFTER[known.code];
  if (retryAfter !== undefined) c.header('Retry-After', String(retryAfter));
  return c.json(body, known.status as ContentfulStatusCode);
}
