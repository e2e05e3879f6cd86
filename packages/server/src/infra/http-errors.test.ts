import { OpenAPIHono } from '@hono/zod-openapi';
import { PegasusError } from '@pegasus-workflows/contracts';
import { createLogger } from '@pegasus-workflows/kit';
import { expect, it } from 'vitest';
import { type AppEnv } from './context.js';
import { installErrorHandlers } from './http-errors.js';

it('says when to repeat the call: what the error knows, else what its code says, else nothing', async () => {
  const app = new OpenAPIHono<AppEnv>();
  installErrorHandlers(app);
  app.use(async (c, next) => {
    c.set('log', createLogger('test'));
    await next();
  });
  const errors: Record<string, PegasusError> = {
    '/own': new PegasusError('RATE_LIMITED', 'Too many.', { retryAfterSeconds: 17 }),
    '/by-code': new PegasusError('SERVICE_UNAVAILABLE', 'Later.'),
    '/never': new PegasusError('CONFLICT', 'No.'),
  };
  app.get('/:which', (c) => {
    throw errors[c.req.path]!;
  });
  const retryAfter = async (path: string) => (await app.request(path)).headers.get('retry-after');
  expect(await retryAfter('/own')).toBe('17');
  expect(await retryAfter('/by-code')).toBe('1');
  expect(await retryAfter('/never')).toBeNull();
});
