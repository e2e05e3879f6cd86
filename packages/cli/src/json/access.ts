import {
  apiKeySchema,
  auditEntrySchema,
  idSchema,
  memberSchema,
  quotaUseSchema,
  tenantSchema,
  whoAmISchema,
} from '@pegasus-workflows/contracts';
import { z } from 'zod';

const madeKey = apiKeySchema.extend({
  key: z.string().optional().describe('With --show-key.'),
  keyFile: z.string().optional().describe('Absolute path, with --out.'),
  profile: z.string().optional().describe('With --save-profile.'),
});

/** What the commands about who may do what print. */
export const ACCESS_OUTPUTS: Record<string, z.ZodType> = {
  whoami: whoAmISchema,
  'keys list': z.array(apiKeySchema),
  'keys create': madeKey,
  'keys rotate': madeKey,
  'keys revoke': z.object({ revoked: idSchema }),
  'members list': z.array(memberSchema),
  'members add': memberSchema,
  'members set-roles': memberSchema,
  'members disable': memberSchema,
  'members enable': memberSchema,
  'members remove': z.object({ removed: idSchema }),
  'tenants create': tenantSchema.extend({ adminKey: madeKey }),
  'tenants list': z.array(tenantSchema),
  'tenants show': tenantSchema,
  'tenants update': tenantSchema,
  audit: z.array(auditEntrySchema),
  quotas: quotaUseSchema,
};
