import {
  idSchema,
  ingressSchema,
  webhookDeliverySchema,
  webhookSchema,
  webhookTestSchema,
} from '@pegasus-workflows/contracts';
import { z } from 'zod';

const kept = {
  secret: z.string().optional().describe('With --show-secret.'),
  secretFile: z.string().optional().describe('With --out: absolute path.'),
};

export const INGRESS_OUTPUTS: Record<string, z.ZodType> = {
  'ingress list': z.array(ingressSchema),
  'ingress show': ingressSchema,
  'ingress create': ingressSchema.extend(kept),
  'ingress update': ingressSchema,
  'ingress rotate': ingressSchema.extend(kept),
  'ingress delete': z.object({ deleted: z.string().describe('The integration.') }),
};

export const WEBHOOK_OUTPUTS: Record<string, z.ZodType> = {
  'webhooks list': z.array(webhookSchema),
  'webhooks show': webhookSchema,
  'webhooks create': webhookSchema.extend(kept),
  'webhooks update': webhookSchema,
  'webhooks rotate': webhookSchema.extend(kept),
  'webhooks delete': z.object({ deleted: idSchema }),
  'webhooks test': webhookTestSchema,
  'webhooks deliveries': z.array(webhookDeliverySchema),
  'webhooks redeliver': webhookDeliverySchema,
};
