import {
  configSchema,
  masterKeysSchema,
  payloadKeySchema,
  requirementsSummarySchema,
  secretSchema,
} from '@pegasus-workflows/contracts';
import { z } from 'zod';

const deleted = z.object({ group: z.string(), key: z.string(), deleted: z.literal(true) });

/** What `secrets …` and `configs …` print with `--json`. */
export const STORED_VALUE_OUTPUTS: Record<string, z.ZodType> = {
  'secrets set': secretSchema,
  'secrets list': z.array(secretSchema),
  'secrets delete': deleted,
  'secrets check': requirementsSummarySchema.describe(
    'Only workflows that need something; exit 1 unless all is set.',
  ),
  'secrets master-keys': masterKeysSchema,
  'secrets payload-keys': z.array(payloadKeySchema),
  'secrets rotate-payload-key': payloadKeySchema,
  'secrets rotate-master-key': z.object({
    file: z.string().describe('Absolute path.'),
    keyId: z.string().describe('Of the new key, which wraps from now on.'),
    keyIds: z.array(z.string()).describe('Every key of the file, the new one first.'),
  }),
  'configs set': configSchema,
  'configs get': configSchema,
  'configs list': z.array(configSchema),
  'configs delete': deleted,
};
