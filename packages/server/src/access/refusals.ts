import { PegasusError } from '@pegasus-workflows/contracts';
import { type OpenAPIHono } from '@hono/zod-openapi';
import { type Context, type MiddlewareHandler } from 'hono';
import { type AppEnv, type AuditPort, type Refusal } from '../infra/context.js';
import { actionOf, routeAt } from '../infra/http.js';
import { DeadKeyError } from './keys.js';

/** Gives every call the way to record its act, and records each call that ends in 401 or 403. */
export function auditing(app: OpenAPIHono<AppEnv>, audit: AuditPort): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    c.set('recordAct', (act) => audit.recordAct(act));
    await next();
    if (c.error instanceof PegasusError && (c.error.status === 401 || c.error.status === 403)) {
      audit.refused(refusalOf(app, c, c.error));
    }
  };
}

function refusalOf(app: OpenAPIHono<AppEnv>, c: Context<AppEnv>, error: PegasusError): Refusal {
  // A call without a valid key is refused before a route is looked for; its path is not kept, only the pattern.
  const route = routeAt(app, c.req.method, c.req.path);
  return {
    ...callerOf(c, error),
    action: route ? actionOf(route.action) : null,
    code: error.code,
    method: c.req.method,
    route: route?.path ?? null,
    ip: c.get('ip'),
    correlationId: c.get('correlationId'),
  };
}

type Caller = Pick<Refusal, 'tenantId' | 'actorKind' | 'principalId' | 'keyId' | 'executionId'>;

function callerOf(c: Context<AppEnv>, error: PegasusError): Caller {
  if (error instanceof DeadKeyError) {
    const { tenantId, principalId, id: keyId } = error.row;
    return { tenantId, actorKind: 'KEY', principalId, keyId, executionId: null };
  }
  const principal: Partial<AppEnv['Variables']['principal']> | undefined = c.get('principal');
  return {
    tenantId: principal?.tenantId ?? null,
    actorKind: principal ? (principal.execution ? 'EXECUTION' : 'KEY') : 'ANONYMOUS',
    principalId: principal?.principalId ?? null,
    keyId: principal?.keyId ?? null,
    executionId: principal?.execution?.id ?? null,
  };
}
