import { Counter, type Registry } from 'prom-client';

/** The numbers an operator watches about partners' calls. */
export function ingressMetrics(registry: Registry) {
  return {
    received: new Counter({
      name: 'pegasus_ingress_calls_total',
      help: "Partners' calls: accepted, duplicate, or the code that refused them.",
      labelNames: ['result'] as const,
      registers: [registry],
    }),
  };
}
export type IngressMetrics = ReturnType<typeof ingressMetrics>;
