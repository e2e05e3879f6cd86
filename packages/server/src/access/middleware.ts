import { createHash, timingSafeEqual } from 'node:crypto';
import { PegasusError } from '@pegasus-workflows/contracts';
import { type MiddlewareHandler } from 'hono';
import { type AppEnv, type Services } from '../infra/context.js';
import { authenticate } from './keys.js';

const BEARER = /^Bearer +([^\s]+)$/i;

/** Puts the {@link Principal} of a valid API key on the request; everything else ends here in 401. */
export function requireApiKey(services: Services): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const bearer = bearerOf(c.req.header('authorization'));
    const now = services.clock();
    const principal = await authenticate(services.findKey, bearer, now);
    c.set('principal', principal);
    if (principal.keyId !== null) services.keyUsage.note(principal.keyId, now);
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
