import { randomUUID } from 'node:crypto';
import { idSchema } from '@pegasus-workflows/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { tickExecutionId } from './tick-id.js';

test('one trigger and one instant are one id, and no two others share it', () => {
  const triggers = [randomUUID(), randomUUID()];
  fc.assert(
    fc.property(fc.uniqueArray(fc.date({ noInvalidDate: true }), { maxLength: 50 }), (times) => {
      const ids = triggers.flatMap((trigger) => times.map((time) => tickExecutionId(trigger, time)));
      const again = triggers.flatMap((trigger) => times.map((time) => tickExecutionId(trigger, time)));
      expect(ids).toEqual(again);
      const instants = new Set(times.map((time) => time.getTime()));
      expect(new Set(ids).size).toBe(triggers.length * instants.size);
      for (const id of ids) expect(idSchema.safeParse(id).success).toBe(true);
    }),
  );
});

test('it is a UUID of version 5', () => {
  expect(tickExecutionId(randomUUID(), new Date(0))).toMatch(/^.{8}-.{4}-5.{3}-[89ab].{3}-.{12}$/);
});
