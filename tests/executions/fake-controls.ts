import { randomUUID } from 'node:crypto';
import {
  type PauseOutcome,
  type ResetOutcome,
  type ResetPlan,
  type TemporalControls,
  type UpdateMessage,
  type UpdateOutcome,
} from '../../packages/server/src/infra/temporal-controls.js';
import { TemporalError } from '../../packages/server/src/infra/temporal.js';
import { type FakeTemporal } from './fake-temporal.js';

/** The controls of a Temporal in memory, which has no workers unless a test says what they answer. */
export class FakeControls implements TemporalControls {
  readonly #fake: FakeTemporal;
  /** What a worker makes of an update; without it, none is there. */
  handle: ((message: UpdateMessage) => UpdateOutcome) | undefined;
  readonly #updates = new Map<string, UpdateOutcome>();

  constructor(fake: FakeTemporal) {
    this.#fake = fake;
  }

  async update(workflowId: string, message: UpdateMessage): Promise<UpdateOutcome> {
    this.#fake.answerOrFail();
    const key = `${workflowId} ${message.updateId}`;
    const before = this.#updates.get(key);
    if (before) return before;
    const state = this.#stateOf(workflowId);
    if (state !== 'open') return { kind: state };
    if (!this.handle) throw new TemporalError('no worker of this version accepted it', 'unknown');
    const outcome = this.handle(message);
    this.#updates.set(key, outcome);
    return outcome;
  }

  async pollUpdate(workflowId: string, updateId: string): Promise<UpdateOutcome> {
    this.#fake.answerOrFail();
    return this.#updates.get(`${workflowId} ${updateId}`) ?? { kind: 'unknown' };
  }

  async terminateNewest(workflowId: string, reason: string): Promise<'terminated' | 'closed' | 'unknown'> {
    this.#fake.answerOrFail();
    const state = this.#stateOf(workflowId);
    if (state !== 'open') return state;
    this.#fake.end(workflowId, { status: 'TERMINATED', reason });
    return 'terminated';
  }

  async reset(workflowId: string, { to, requestId }: ResetPlan): Promise<ResetOutcome> {
    this.#fake.answerOrFail();
    const state = this.#stateOf(workflowId);
    if (state !== 'open') return { kind: state };
    if (to === 'last-continued-as-new')
      return { kind: 'impossible', reason: 'this run did not continue an earlier one as new' };
    if (!this.handle) return { kind: 'impossible', reason: 'no workflow task has ended' };
    const run = this.#fake.runs.get(workflowId)!;
    if (!run.resets.has(requestId)) {
      run.resets.set(requestId, run.runId);
      run.runId = randomUUID();
      this.#fake.wake();
    }
    return { kind: 'reset', runId: run.runId, eventId: '4' };
  }

  pause(workflowId: string): Promise<PauseOutcome> {
    return this.#changePause(workflowId);
  }

  unpause(workflowId: string): Promise<PauseOutcome> {
    return this.#changePause(workflowId);
  }

  async #changePause(workflowId: string): Promise<PauseOutcome> {
    this.#fake.answerOrFail();
    const state = this.#stateOf(workflowId);
    return state === 'open' ? { kind: 'done', scope: 'activities', activities: [] } : { kind: state };
  }

  #stateOf(workflowId: string): 'open' | 'closed' | 'unknown' {
    const run = this.#fake.runs.get(workflowId);
    if (!run) return 'unknown';
    return run.close ? 'closed' : 'open';
  }
}
