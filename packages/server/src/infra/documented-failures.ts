import { ERROR_TABLE, errorBodySchema, type ErrorCode } from '@pegasus-workflows/contracts';
import { z } from '@hono/zod-openapi';
import { type Operation } from './http.js';

/** Named once in the document, instead of spelled out in every answer. Made here, where zod can name things. */
const errorSchema = z.object(errorBodySchema.shape).openapi('Error');

type Documented = Pick<Operation<z.ZodObject, z.ZodObject, z.ZodType>, 'action' | 'errors'> & {
  request?: { params?: unknown; query?: unknown; body?: unknown };
};

/** How an operation may fail: what follows from what it is, and what it says of itself. */
export function failuresOf({ action, request = {}, errors = [] }: Documented): ReadonlySet<ErrorCode> {
  const { params, query, body } = request;
  const codes: ErrorCode[] = ['INTERNAL_ERROR', 'SERVICE_UNAVAILABLE', ...errors];
  if (params ?? query ?? body) codes.push('VALIDATION_ERROR');
  if (action !== 'public') codes.push('UNAUTHENTICATED');
  if (!['public', 'runner', 'any-key'].includes(action)) codes.push('FORBIDDEN');
  if (params) codes.push('NOT_FOUND');
  if (body) codes.push('PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE');
  return new Set(codes);
}

/** The same by status, as an OpenAPI document has it. */
export function failureResponses(operation: Documented) {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of failuresOf(operation)) {
    const { status } = ERROR_TABLE[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => `\`${code}\``).join(', '),
        content: { 'application/json': { schema: errorSchema } },
      },
    ]),
  );
}
