import { Counter, type Registry } from 'prom-client';

/** The numbers an operator watches about dispatches. */
export function agentMetrics(registry: Registry) {
  return {
    ended: new Counter({
      name: 'pegasus_agent_dispatches_ended_total',
      help: 'Dispatches of coding agents that have ended, by how.',
      labelNames: ['status'] as const,
      registers: [registry],
    }),
  };
}
