// What the checks let pass, each with a reason; of advisories until a day only, so that none is forgotten.
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const reason = z.string().min(20, 'says why in a sentence');
const acceptedSchema = z.strictObject({
  licences: z.array(z.strictObject({ package: z.string(), licence: z.string(), reason })),
  advisories: z.array(
    z.strictObject({
      id: z.string().regex(/^GHSA(-[0-9a-z]{4}){3}$/, 'is a GHSA id'),
      package: z.string(),
      reason,
      until: z.iso.date(),
    }),
  ),
});

/** @typedef {z.infer<typeof acceptedSchema>} Accepted `until` is the last day, in UTC */

/**
 * @param {string} file
 * @returns {Accepted}
 */
export function readAccepted(file) {
  return acceptedSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
}
