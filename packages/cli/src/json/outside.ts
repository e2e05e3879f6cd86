import {
  connectionSchema,
  connectionTestSchema,
  smsMessageSchema,
  smsOptOutSchema,
  smsProviderSchema,
  smsSentSchema,
} from '@pegasus-workflows/contracts';
import { z } from 'zod';

const removed = z.object({ removed: z.literal(true) });

/** Documents of `sms …` and `connections …`. */
export const OUTSIDE_OUTPUTS: Record<string, z.ZodType> = {
  'sms send': smsSentSchema,
  'sms list': z.array(smsMessageSchema),
  'sms provider': smsProviderSchema,
  'sms connect': smsProviderSchema,
  'sms disconnect': removed,
  'sms opt-outs': z.array(smsOptOutSchema),
  'sms opt-out': smsOptOutSchema,
  'sms opt-in': removed,
  'connections list': z.array(connectionSchema),
  'connections show': connectionSchema,
  'connections create': connectionSchema,
  'connections update': connectionSchema,
  'connections delete': z.object({ deleted: z.literal(true) }),
  'connections test': connectionTestSchema,
};
