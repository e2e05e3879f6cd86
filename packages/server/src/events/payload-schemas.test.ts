import { afterEach, beforeEach, expect, it } from 'vitest';
import { PayloadSchemas } from './payload-schemas.js';

/** Its invariants by number; what a slow schema does to a server is in `tests/events/events.test.ts`. */
let schemas: PayloadSchemas;
beforeEach(() => (schemas = new PayloadSchemas({ timeoutMs: 60_000, memoryMb: 24 })));
afterEach(() => schemas.close());

const node = { $ref: '#/$defs/node' };
/** Each level of a payload is checked twice as often as the one above, and each check leaves a problem. */
const BRANCHING = {
  $defs: { node: { allOf: [{ properties: { a: node } }, { properties: { a: node } }, { required: ['b'] }] } },
  ...node,
};
const nested = (levels: number): Record<string, unknown> => (levels === 0 ? {} : { a: nested(levels - 1) });

it('a check that fills the memory is refused, its tenant pauses, and those behind it are made (2, 3)', async () => {
  const large = schemas.requireFit('one', 'large', BRANCHING, nested(40));
  const behind = schemas.requireFit('two', 'small', { required: ['id'] }, { id: 1 });
  const unfit = schemas.requireFit('three', 'small', { required: ['id'] }, {});
  await expect(large).rejects.toMatchObject({
    code: 'VALIDATION_ERROR',
    message: expect.stringContaining('takes too much memory to check'),
  });
  await expect(behind).resolves.toBeUndefined();
  await expect(unfit).rejects.toThrow("must have required property 'id'");
  await expect(schemas.requireFit('one', 'small', {}, {})).rejects.toMatchObject({ code: 'RATE_LIMITED' });
});

it('a thread that is ended fails the checks that it had (3)', async () => {
  const waiting = schemas.requireFit('one', 'large', BRANCHING, nested(40));
  await schemas.close();
  await expect(waiting).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
});
