import { createHash, timingSafeEqual } from 'node:crypto';
import { PegasusError } from '@pegasus-workflows/contracts';
import { type MiddlewareHandler } from 'hono';
import { type AppEnv, type Services } from '../infra/context.js';
import { type Mutations } from '../dry-run/mutations.js';
import { type Notes } from '../executions/notes.js';
import { type OpenExecutions } from '../executions/open-executions.js';
import { authenticate } from './keys.js';
import { isRuntimeToken, runAuthenticator } from './runtime-tokens.js';

const BEARER = /^Bearer +([^\s]+)$/i;

/** What calls of running executions need. */
export interface RunCalls {
  openExecutions: OpenExecutions;
  notes: Notes;
  mutations: Mutations;
}

/**
 * Puts the {@link Principal} of a valid API key, or of a running execution's token, on the request; everything else
 * ends here in 401.
 */
export function requireCaller(services: Services, runs: RunCalls): MiddlewareHandler<AppEnv> {
  const authenticateRun = runAuthenticator(services, (tenantId, id) =>
    runs.openExecutions.find(tenantId, id),
  );
  return async (c, next) => {
    const bearer = bearerOf(c.req.header('authorization'));
    if (isRuntimeToken(bearer)) {
      const principal = await authenticateRun(bearer);
      const { tenantId, execution } = principal;
      c.set('principal', principal);
      c.set('authenticateAgain', () => authenticateRun(bearer));
      c.set('noteRefusal', (action) => runs.notes.callRefused(tenantId, execution, action));
      c.set('recordMutation', (mutation, mask) => runs.mutations.record(tenantId, execution, mutation, mask));
    } else {
      const now = services.clock();
      const principal = await authenticate(services.findKey, bearer, now);
      c.set('principal', principal);
      c.set('authenticateAgain', () => authenticate(services.findKey, bearer, services.clock()));
      if (principal.keyId !== null) services.keyUsage.note(principal.keyId, now);
    }
    await next();
  };
}

/** Lets only the holder of the runner token pass. */
export function requireRunnerToken(services: Services): MiddlewareHandler<AppEnv> {
  const expected = digest(services.settings.runnerToken);
  return async (c, next) => {
    const bearer = bearerOf(c.req.header('authorization'));
    // Digests are compared, so that neither content nor length shows in the time it takes.
    if (bearer === undefined || !timingSafeEqual(digest(bearer), expected)) {
      throw new PegasusError('UNAUTHENTICATED', 'Only the runner, by its token, may call this.');
    }
    await next();
  };
}

function bearerOf(header: string | undefined): string | undefined {
  return BEARER.exec(header ?? '')?.[1];
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
