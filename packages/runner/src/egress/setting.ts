import { parseEgressExceptions, type EgressException } from '@pegasus-workflows/kit/egress';
import { z } from 'zod';

/** `PEGASUS_EGRESS_ALLOW`. */
export const egressSchema = z.string().transform((text, context): EgressException[] => {
  try {
    return parseEgressExceptions(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
    return z.NEVER;
  }
});
