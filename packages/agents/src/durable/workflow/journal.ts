import type { LogBody } from '../../log/records.js';
import { type NumberedRecord } from '../protocol.js';

/**
 * Job: numbers what a dispatch writes down, and keeps it until the host has it.
 *
 * Boundary: plain values, inside of the workflow's sandbox; who sends them is the steps' business.
 *
 * Invariants
 * 1. Numbers have no gaps, through every run of the workflow.
 * 2. What was sent stays until it is known to be written: a call that failed may have written nothing.
 */
export class Journal {
  #records: NumberedRecord[] = [];

  /** @param last the last number that is taken */
  constructor(private last = 0) {}

  add(body: LogBody): number {
    this.last += 1;
    this.#records.push({ n: this.last, body });
    return this.last;
  }

  /** A number for what somebody else is to write. */
  reserve(): number {
    this.last += 1;
    return this.last;
  }

  get unwritten(): readonly NumberedRecord[] {
    return [...this.#records];
  }

  get lastNumber(): number {
    return this.last;
  }

  written(records: readonly NumberedRecord[]): void {
    const upTo = records.at(-1)?.n ?? 0;
    this.#records = this.#records.filter(({ n }) => n > upTo);
  }
}
