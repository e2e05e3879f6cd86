/**
 * Job: the standard output and standard error of one worker process.
 *
 * Boundary: lines in, lines out. Until the process belongs to a tenant it has run no code but the platform's, and what it
 * says goes to the supervisor's log; from then on nothing does.
 */
import { type ChildProcess } from 'node:child_process';
import { type Logger } from '@pegasus-workflows/kit';
import { LINE_BYTES } from '../../logs/line.js';
import { readLines } from './lines.js';

export type StreamName = 'stdout' | 'stderr';
export type OnLine = (stream: StreamName, line: string, isCut: boolean) => void;

export class WorkerOutput {
  /** Settles when both streams have ended. */
  readonly ended: Promise<void>;
  #onLine: OnLine;

  constructor(child: Pick<ChildProcess, 'stdout' | 'stderr'>, logger: Logger) {
    this.#onLine = (stream, line) => logger.info({ stream, worker: { line } }, 'output of a spare worker');
    const streams = [
      ['stdout', child.stdout],
      ['stderr', child.stderr],
    ] as const;
    const ends = streams.map(
      ([name, stream]) =>
        new Promise<void>((onEnd) => {
          if (!stream) return onEnd();
          readLines(stream, LINE_BYTES, {
            onLine: (line, isCut) => this.#onLine(name, line, isCut),
            onEnd,
          });
        }),
    );
    this.ended = Promise.all(ends).then(() => undefined);
  }

  /** The process belongs to a tenant now. */
  bind(onLine: OnLine): void {
    this.#onLine = onLine;
  }
}
