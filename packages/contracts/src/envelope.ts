import { z } from 'zod';

/** `{"data": …}`: every success with a body. */
export function dataOf<T extends z.ZodType>(schema: T) {
  return z.object({ data: schema });
}

/** `{"data": […], "meta": {"count": n}}`: every list. */
export function listOf<T extends z.ZodType>(schema: T) {
  return z.object({ data: z.array(schema), meta: z.object({ count: z.number().int().nonnegative() }) });
}
