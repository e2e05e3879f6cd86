import { Counter, Histogram, type Registry } from 'prom-client';
import { type RequestRecord } from '../infra/http-log.js';

/** Counts and times every answered request, by route pattern; answers the function to feed them with. */
export function httpMetrics(registry: Registry): (record: RequestRecord) => void {
  const registers = [registry];
  const requests = new Counter({
    name: 'pegasus_http_requests_total',
    help: 'Requests answered.',
    labelNames: ['method', 'route', 'status'],
    registers,
  });
  const seconds = new Histogram({
    name: 'pegasus_http_request_seconds',
    help: 'From the request to the head of its answer.',
    labelNames: ['method', 'route'],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
    registers,
  });
  return ({ method, route, status, ms }) => {
    requests.inc({ method, route, status });
    seconds.observe({ method, route }, ms / 1000);
  };
}
