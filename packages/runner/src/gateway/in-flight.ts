/** Tasks that one worker was given and has not answered, by task queue: what it is busy with. */
export class InFlight {
  readonly #tasks = new Map<string, number>();

  given(taskQueue: string): void {
    this.#tasks.set(taskQueue, (this.#tasks.get(taskQueue) ?? 0) + 1);
  }

  /** A task that is answered twice counts once too often, which makes a worker look less busy than it is. */
  answered(taskQueue: string): void {
    const left = (this.#tasks.get(taskQueue) ?? 0) - 1;
    if (left > 0) this.#tasks.set(taskQueue, left);
    else this.#tasks.delete(taskQueue);
  }

  get taskQueues(): string[] {
    return [...this.#tasks.keys()];
  }
}
