import { failpoint } from '@pegasus-workflows/kit';
import {
  type ActivityExecuteInput,
  type ActivityInboundCallsInterceptor,
  type ActivityInterceptors,
  type Next,
} from '@temporalio/worker';
import { type StackMapper } from './stack-mapper.js';

/** Counts the activities of one artifact that run now; `touchedAt` is `performance.now()` of the last start or end. */
export interface ActivityGauge {
  running: number;
  touchedAt: number;
}

/** Around every activity: the gauge, the failpoints, and failures that name the author's file and line. */
export function activityInterceptor(
  gauge: ActivityGauge,
  mapper: StackMapper | undefined,
): () => ActivityInterceptors {
  const inbound: ActivityInboundCallsInterceptor = {
    async execute(
      input: ActivityExecuteInput,
      next: Next<ActivityInboundCallsInterceptor, 'execute'>,
    ): Promise<unknown> {
      gauge.running++;
      gauge.touchedAt = performance.now();
      try {
        failpoint('worker.activity-start');
        const result = await next(input);
        failpoint('worker.activity-end');
        return result;
      } catch (error) {
        mapper?.mapError(error);
        throw error;
      } finally {
        gauge.running--;
        gauge.touchedAt = performance.now();
      }
    },
  };
  return () => ({ inbound });
}
