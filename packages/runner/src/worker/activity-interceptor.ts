import { failpoint } from '@pegasus-workflows/kit';
import {
  type ActivityExecuteInput,
  type ActivityInboundCallsInterceptor,
  type ActivityInterceptors,
  type Next,
} from '@temporalio/worker';
import { type Info } from '@temporalio/activity';
import { type LogOrigin } from '../logs/line.js';
import { type LogCapture } from './logs/capture.js';
import { nameRefusedAccess } from './refused-access.js';
import { withRuntime } from './runtime-env.js';
import { type TokenKeeper } from './token-keeper.js';
import { type StackMapper } from './stack-mapper.js';

/** Counts the activities of one artifact that run now; `touchedAt` is `performance.now()` of the last start or end. */
export interface ActivityGauge {
  running: number;
  touchedAt: number;
}

/** What an artifact's activities have in common. */
export interface ActivitySurroundings {
  taskQueue: string;
  dryRun: boolean;
  gauge: ActivityGauge;
  keeper: TokenKeeper;
  capture: LogCapture;
  mapper: StackMapper | undefined;
}

/**
 * Around every activity: the gauge, the failpoints, its execution's runtime token, what it prints, and failures that name
 * the author's file and line.
 */
export function activityInterceptor(
  surroundings: ActivitySurroundings,
): (context: { info: Info }) => ActivityInterceptors {
  return ({ info }) => ({ inbound: inboundOf(surroundings, info) });
}

function inboundOf(
  { taskQueue, dryRun, gauge, keeper, capture, mapper }: ActivitySurroundings,
  info: Info,
): ActivityInboundCallsInterceptor {
  const { workflowExecution } = info;
  const origin = originOf(taskQueue, info);
  return {
    async execute(
      input: ActivityExecuteInput,
      next: Next<ActivityInboundCallsInterceptor, 'execute'>,
    ): Promise<unknown> {
      gauge.running++;
      gauge.touchedAt = performance.now();
      try {
        failpoint('worker.activity-start');
        // An activity that no workflow called acts for no execution.
        const run = () => capture.ofActivity(origin, () => next(input));
        const result = await (workflowExecution
          ? keeper.during({ taskQueue, ...workflowExecution }, (token) => withRuntime({ token, dryRun }, run))
          : run());
        failpoint('worker.activity-end');
        return result;
      } catch (error) {
        nameRefusedAccess(error);
        mapper?.mapError(error);
        throw error;
      } finally {
        gauge.running--;
        gauge.touchedAt = performance.now();
      }
    },
  };
}

function originOf(taskQueue: string, info: Info): LogOrigin {
  const { activityId, activityType, attempt, workflowExecution } = info;
  return { source: 'activity', taskQueue, activityId, activityType, attempt, ...workflowExecution };
}
