/**
 * What the server asks of Temporal's schedules, in its own words: that they are there, and what has come of them.
 * `temporal-schedules.ts` and `temporal-ticks.ts` are the real thing.
 */
export interface SchedulePort {
  /** Makes a schedule, or makes the one with this id like this. Repeating it changes nothing. */
  put(schedule: WantedSchedule): Promise<void>;
  /** Removes a schedule; nothing happens when there is none. */
  delete(scheduleId: string): Promise<void>;
  /** Every schedule whose `owner` is this one. Eventually consistent: a change may show a moment later. */
  list(owner: string): AsyncIterable<FoundSchedule>;
  /** Waits for the next tick on a queue; `undefined` when none came for about a minute. Rejects when `signal` aborts. */
  nextTick(queue: string, signal: AbortSignal): Promise<TickTask | undefined>;
  /** The tick is decided, and `result` is what became of it: it does not come again. */
  finishTick(task: TickTask, result: unknown): Promise<void>;
  /** The tick is not decided: it comes again, soon. */
  refuseTick(task: TickTask, reason: string): Promise<void>;
}

export interface WantedSchedule {
  scheduleId: string;
  /** Told by {@link SchedulePort.list}; who made a schedule leaves those of others alone. */
  owner: string;
  /** When it fires: a cron expression in UTC, or a fixed interval. */
  spec: { cron: string } | { everySeconds: number };
  paused: boolean;
  /** For people, and to tell that a schedule is as it should be: two that differ in anything else differ in this. */
  notes: string;
  /** Ticks that Temporal could not deliver for longer than this are left out. */
  catchUpSeconds: number;
  /** What each tick is: a workflow of this id (Temporal appends the time) on this queue, with this argument. */
  tick: { workflowId: string; queue: string; argument: unknown };
}

export interface FoundSchedule {
  scheduleId: string;
  notes: string;
  paused: boolean;
}

/** A tick that waits to be decided by this process. */
export interface TickTask {
  token: Uint8Array;
  workflowId: string;
  argument: unknown;
  /** The instant that the schedule names, however late the tick is. */
  scheduledAt: Date;
}
