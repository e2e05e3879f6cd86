import { Counter, type Registry } from 'prom-client';

/** The numbers an operator watches about outgoing webhooks. */
export function webhookMetrics(registry: Registry) {
  return {
    attempts: new Counter({
      name: 'pegasus_webhook_attempts_total',
      help: 'Calls of receivers, by how they went: delivered, refused, no answer.',
      labelNames: ['result'] as const,
      registers: [registry],
    }),
    dead: new Counter({
      name: 'pegasus_webhook_dead_total',
      help: 'Deliveries that were given up.',
      registers: [registry],
    }),
  };
}
export type WebhookMetrics = ReturnType<typeof webhookMetrics>;
