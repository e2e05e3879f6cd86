/**
 * Job: whose fault the failures of a tenant's worker are, how many each version has had lately, and when they are too many.
 *
 * Boundary: pure bookkeeping of one tenant; who is loaded, and what is done about it, is `tenant.ts`'.
 *
 * Invariants
 * 1. A failure is put down to a version only where no other could have caused it: it was loading alone, or on probation
 *    alone, or was the only one loaded, or the only one with a task. Otherwise all that could have are suspects, and each is
 *    tried alone, for a time that doubles until one is found.
 * 2. What is not of a version's making is put down to none: a process that had not begun, two versions of the runner.
 * 3. A crash loop is told once; failures are forgotten after the window, or by {@link CrashLedger.forget}.
 */
import { type CrashCause, type QuarantineReport } from '@pegasus-workflows/contracts';
import { WORKER_EXIT } from '../protocol.js';
import { type ProcessEnd } from '../sandbox/sandbox.js';

export interface CrashLimits {
  /** Failures within the window that are too many; 0: none ever are. */
  crashes: number;
  windowMs: number;
}

/** What was going on when a process ended, by task queues. */
export interface Scene {
  loading: readonly string[];
  onProbation: readonly string[];
  loaded: readonly string[];
  /** Loaded ones that had a task which was not answered. */
  busy: readonly string[];
}

/** Invariant 1: one of them alone did it, or any of several may have. */
export function suspectsOf({ loading, onProbation, loaded, busy }: Scene): readonly string[] {
  return [loading, onProbation, busy].find((queues) => queues.length > 0) ?? loaded;
}

/** How V8 ends a process whose heap is full: differs by release and processor. */
const FULL_HEAP = new Set(['SIGABRT', 'SIGTRAP', 'SIGILL']);

/** Why a process ended; `undefined` when that says nothing of its versions (invariant 2). */
export function causeOf(
  end: ProcessEnd,
  process: { started: boolean; killedFor: CrashCause | undefined },
): CrashCause | undefined {
  if (!process.started || end.code === WORKER_EXIT.protocol) return undefined;
  if (process.killedFor) return process.killedFor;
  return end.outOfMemory || FULL_HEAP.has(end.signal ?? '') ? 'OUT_OF_MEMORY' : 'CRASHED';
}

const PROBATION = { baseMs: 2_000, maxMs: 60_000 };

export class CrashLedger {
  /** Times of failures by the artifact's sha256, the oldest first. */
  readonly #failures = new Map<string, number[]>();
  #unexplained = 0;

  constructor(private readonly limits: CrashLimits) {}

  /** How long a suspect must hold out alone. */
  get probationMs(): number {
    return Math.min(PROBATION.maxMs, PROBATION.baseMs * 2 ** this.#unexplained);
  }

  /** A process ended, and several versions may have done it. */
  unexplained(): void {
    this.#unexplained += 1;
  }

  /** Counts a failure of a version; answers how many it has had within the window. `now` in milliseconds. */
  record(sha256: string, now: number): number {
    this.#unexplained = 0;
    const recent = (this.#failures.get(sha256) ?? []).filter((at) => now - at < this.limits.windowMs);
    recent.push(now);
    this.#failures.set(sha256, recent);
    return recent.length;
  }

  /** What there is to tell of a version with this many failures, the last of which ended so; `undefined` as long as it may go on. */
  loop(
    failures: number,
    cause: CrashCause,
    end: ProcessEnd | undefined,
  ): Pick<QuarantineReport, 'cause' | 'crashes' | 'windowSeconds' | 'exitCode' | 'signal'> | undefined {
    const { crashes, windowMs } = this.limits;
    if (crashes === 0 || failures !== crashes) return undefined;
    const windowSeconds = Math.max(1, Math.round(windowMs / 1_000));
    return {
      cause,
      crashes: failures,
      windowSeconds,
      exitCode: end?.code ?? null,
      signal: end?.signal ?? null,
    };
  }

  forget(sha256: string): void {
    this.#failures.delete(sha256);
  }
}
