import { setTimeout as pause } from 'node:timers/promises';
import { idSchema } from '@pegasus-workflows/contracts';
import { failpoint, type Logger } from '@pegasus-workflows/kit';
import { z } from 'zod';
import { errorForLog } from '../infra/error-log.js';
import { type Stoppable } from '../infra/periodic.js';
import { type SchedulePort, type TickTask } from '../infra/schedule-port.js';
import { type Decision, type Firing } from './firing.js';

/**
 * Job: takes this platform's ticks from Temporal, one at a time per poller, and answers each with what became of it.
 *
 * Boundary: every server of a platform polls the same queue; Temporal gives a tick to one of them, and again to any when
 * it was not answered. What becomes of a tick is `firing.ts`'.
 *
 * Invariants
 * 1. A tick is answered only after its decision is committed; the decision is the result of its workflow.
 * 2. A tick that could not be decided comes again.
 * 3. Stopping waits for the ticks under way.
 */
const POLLERS = 2;
/** After a poll that failed. */
const PAUSE_MS = 1_000;

const argumentSchema = z.object({ tenantId: idSchema, triggerId: idSchema, cron: z.string() });

export interface TicksParts {
  port: SchedulePort;
  firing: Firing;
  queue: () => Promise<string>;
  logger: Logger;
}

export class Ticks {
  readonly #parts: TicksParts;

  constructor(parts: TicksParts) {
    this.#parts = parts;
  }

  start(): Stoppable {
    const stopping = new AbortController();
    const pollers = Array.from({ length: POLLERS }, () => this.#poll(stopping.signal));
    return {
      stop: async () => {
        stopping.abort();
        await Promise.all(pollers);
      },
    };
  }

  async #poll(signal: AbortSignal): Promise<void> {
    const { port, logger, queue } = this.#parts;
    let failing = false;
    while (!signal.aborted) {
      try {
        const task = await port.nextTick(await queue(), signal);
        if (failing) logger.info('ticks of schedules are taken again');
        failing = false;
        if (task) await this.#take(task);
      } catch (error) {
        if (signal.aborted) return;
        if (!failing)
          logger.warn({ error: errorForLog(error) }, 'ticks of schedules cannot be taken; it is tried again');
        failing = true;
        await pause(PAUSE_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** Rejects when Temporal did not take the answer: the tick comes again by itself. */
  async #take(task: TickTask): Promise<void> {
    const { port, firing, logger } = this.#parts;
    const argument = argumentSchema.safeParse(task.argument);
    let decision: Decision = { outcome: 'IGNORED', executionId: null };
    try {
      if (argument.success)
        decision = await firing.decide({ ...argument.data, scheduledAt: task.scheduledAt });
    } catch (error) {
      logger.warn(
        { error: errorForLog(error), tick: task.workflowId },
        'a tick was not decided; it comes again',
      );
      await port.refuseTick(task, 'the tick was not decided');
      return;
    }
    failpoint('tick.before-answer');
    await port.finishTick(task, { scheduledAt: task.scheduledAt.toISOString(), ...decision });
  }
}
