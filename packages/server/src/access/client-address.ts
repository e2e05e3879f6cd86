import { isIP } from 'node:net';
import { type MiddlewareHandler } from 'hono';
import { type AppEnv } from '../infra/context.js';
import { peerAddress } from '../infra/http.js';

/**
 * Where a request comes from, for the audit log. Each proxy appends to X-Forwarded-For the address that it was called
 * from, so with `proxies` of them before the server, the n-th entry from the right was written by the outermost one that
 * is ours; what stands left of it is the caller's own claim. An entry that is missing or no address says that the
 * request did not come through them: then it is the other end of the connection.
 */
export function clientAddress(
  peer: string | null,
  forwardedFor: string | undefined,
  proxies: number,
): string | null {
  if (proxies === 0 || forwardedFor === undefined) return peer;
  const claimed = forwardedFor.split(',').at(-proxies)?.trim() ?? '';
  return isIP(claimed) ? claimed : peer;
}

/** Puts the address on the request. */
export function rememberAddress(proxies: number): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    c.set('ip', clientAddress(peerAddress(c), c.req.header('x-forwarded-for'), proxies));
    await next();
  };
}
