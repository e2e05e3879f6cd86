import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** The numbers an operator watches about executions, in one Prometheus registry. */
export function executionMetrics(registry: Registry) {
  const registers = [registry];
  return {
    starts: new Counter({
      name: 'pegasus_execution_starts_total',
      help: 'Starts asked of Temporal, by how they went.',
      labelNames: ['result'] as const,
      registers,
    }),
    closes: new Counter({
      name: 'pegasus_execution_closes_total',
      help: 'Rows that became terminal, by status.',
      labelNames: ['status'] as const,
      registers,
    }),
    closeLag: new Histogram({
      name: 'pegasus_execution_close_lag_seconds',
      help: 'From the close in Temporal to the committed row.',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
      registers,
    }),
    openWatchers: new Gauge({
      name: 'pegasus_execution_watchers',
      help: 'Long polls that wait for a run to close.',
      registers,
    }),
    repairs: new Counter({
      name: 'pegasus_reconcile_repairs_total',
      help: 'Rows and runs that the reconciler had to mend, by what it did.',
      labelNames: ['repair'] as const,
      registers,
    }),
  };
}
export type ExecutionMetrics = ReturnType<typeof executionMetrics>;
