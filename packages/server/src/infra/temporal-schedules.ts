import { randomUUID } from 'node:crypto';
import { isGrpcServiceError } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import proto, { type temporal } from '@temporalio/proto';
import {
  type FoundSchedule,
  type SchedulePort,
  type TickTask,
  type WantedSchedule,
} from './schedule-port.js';
import { toPayloads } from './temporal-payloads.js';
import { GRPC, IDENTITY, isNotFound, type TemporalRpc, toTemporalError } from './temporal-rpc.js';
import { finishTick, nextTick, refuseTick } from './temporal-ticks.js';
import { TEMPORAL_DEADLINES } from './temporal.js';

/**
 * Job: {@link SchedulePort} on Temporal's own schedules.
 *
 * Boundary: what a schedule is for is nothing to this file. Overlap is allowed here, because a tick is a workflow of an
 * instant; whether a run is still open is decided by who takes the tick.
 *
 * Invariants
 * 1. `put` and `delete` may be repeated, and may meet another server's: the last one counts.
 */
const { ScheduleOverlapPolicy } = proto.temporal.api.enums.v1;
const PAGE_SIZE = 200;
/** The key in a schedule's memo. */
const OWNER = 'pegasusPlatform';
const TICK_TYPE = 'pegasusTick';

export class TemporalSchedules implements SchedulePort {
  readonly #rpc: TemporalRpc;

  constructor(rpc: TemporalRpc) {
    this.#rpc = rpc;
  }

  async put(wanted: WantedSchedule): Promise<void> {
    const schedule = await this.#scheduleOf(wanted);
    if (await this.#update(wanted.scheduleId, schedule)) return;
    const [owner] = await toPayloads(this.#rpc.payloads.plain, wanted.owner);
    try {
      await this.#rpc.call(TEMPORAL_DEADLINES.call, () =>
        this.#rpc.service.createSchedule({
          namespace: this.#rpc.namespace,
          scheduleId: wanted.scheduleId,
          schedule,
          identity: IDENTITY,
          requestId: randomUUID(),
          memo: { fields: owner ? { [OWNER]: owner } : {} },
        }),
      );
    } catch (error) {
      if (!isGrpcServiceError(error) || error.code !== GRPC.ALREADY_EXISTS) throw toTemporalError(error);
      await this.#update(wanted.scheduleId, schedule);
    }
  }

  /** Answers whether there is such a schedule. */
  async #update(scheduleId: string, schedule: temporal.api.schedule.v1.ISchedule): Promise<boolean> {
    try {
      await this.#rpc.call(TEMPORAL_DEADLINES.call, () =>
        this.#rpc.service.updateSchedule({
          namespace: this.#rpc.namespace,
          scheduleId,
          schedule,
          identity: IDENTITY,
          requestId: randomUUID(),
        }),
      );
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw toTemporalError(error);
    }
  }

  async #scheduleOf(wanted: WantedSchedule): Promise<temporal.api.schedule.v1.ISchedule> {
    const converter = this.#rpc.payloads.exact(wanted.scheduleId);
    const { spec, tick, paused, notes, catchUpSeconds } = wanted;
    const catchUp = seconds(catchUpSeconds);
    return {
      spec:
        'cron' in spec
          ? { cronString: [spec.cron], timezoneName: 'UTC' }
          : { interval: [{ interval: seconds(spec.everySeconds) }] },
      action: {
        startWorkflow: {
          workflowId: tick.workflowId,
          workflowType: { name: TICK_TYPE },
          taskQueue: { name: tick.queue },
          input: { payloads: await toPayloads(converter, tick.argument) },
          // A tick that no server takes is given up as late as one that Temporal could not deliver.
          workflowExecutionTimeout: catchUp,
        },
      },
      policies: {
        overlapPolicy: ScheduleOverlapPolicy.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL,
        catchupWindow: catchUp,
      },
      state: { paused, notes },
    };
  }

  async delete(scheduleId: string): Promise<void> {
    try {
      await this.#rpc.call(TEMPORAL_DEADLINES.call, () =>
        this.#rpc.service.deleteSchedule({
          namespace: this.#rpc.namespace,
          scheduleId,
          identity: IDENTITY,
        }),
      );
    } catch (error) {
      if (!isNotFound(error)) throw toTemporalError(error);
    }
  }

  async *list(owner: string): AsyncGenerator<FoundSchedule> {
    let nextPageToken: Uint8Array = new Uint8Array();
    do {
      const response = await this.#rpc
        .call(TEMPORAL_DEADLINES.list, () =>
          this.#rpc.service.listSchedules({
            namespace: this.#rpc.namespace,
            maximumPageSize: PAGE_SIZE,
            nextPageToken,
          }),
        )
        .catch((error: unknown) => {
          throw toTemporalError(error);
        });
      for (const entry of response.schedules ?? []) {
        const payload = entry.memo?.fields?.[OWNER];
        if (!payload || !entry.scheduleId) continue;
        const [found] = await decodeArrayFromPayloads(this.#rpc.payloads.plain, [payload]);
        if (found !== owner) continue;
        const { notes, paused } = entry.info ?? {};
        yield { scheduleId: entry.scheduleId, notes: notes ?? '', paused: paused ?? false };
      }
      nextPageToken = response.nextPageToken ?? new Uint8Array();
    } while (nextPageToken.length > 0);
  }

  nextTick(queue: string, signal: AbortSignal): Promise<TickTask | undefined> {
    return nextTick(this.#rpc, queue, signal);
  }

  finishTick(task: TickTask, result: unknown): Promise<void> {
    return finishTick(this.#rpc, task, result);
  }

  refuseTick(task: TickTask, reason: string): Promise<void> {
    return refuseTick(this.#rpc, task, reason);
  }
}

function seconds(value: number) {
  return proto.google.protobuf.Duration.fromObject({ seconds: value });
}
