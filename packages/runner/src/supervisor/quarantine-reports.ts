/**
 * Job: tells the server of versions that crash again and again, until it has heard.
 *
 * Boundary: memory of this process. What a killed supervisor had not told is found again by its successor, since the
 * version goes on crashing.
 *
 * Invariants
 * 1. A report is sent with one id, again and again with backoff, until the server has answered it or refused it for good.
 * 2. Of one artifact at most one report is under way.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type QuarantineReport } from '@pegasus-workflows/contracts';
import { type Logger } from '@pegasus-workflows/kit';
import { backoffMs } from '../backoff.js';
import { ServerResponseError } from './server-client.js';

const RETRY = { baseMs: 200, maxMs: 10_000 };

export type CrashLoop = Omit<QuarantineReport, 'reportId'>;

export class QuarantineReports {
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #stop = new AbortController();

  /** @param onStored the server keeps the artifact back from now on */
  constructor(
    private readonly send: (report: QuarantineReport, signal: AbortSignal) => Promise<void>,
    private readonly onStored: (tenantId: string, artifactSha256: string) => void,
    private readonly logger: Logger,
  ) {}

  report(loop: CrashLoop): void {
    const key = `${loop.tenantId}/${loop.artifactSha256}`;
    if (this.#stop.signal.aborted || this.#underWay.has(key)) return;
    this.logger.error(loop, 'a version crashes again and again; it is reported to the server');
    const sending = this.#deliver({ ...loop, reportId: randomUUID() });
    this.#underWay.set(
      key,
      sending.finally(() => this.#underWay.delete(key)),
    );
  }

  /** Gives up what is under way. */
  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#underWay.values());
  }

  async #deliver(report: QuarantineReport): Promise<void> {
    const { signal } = this.#stop;
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        await this.send(report, signal);
        this.onStored(report.tenantId, report.artifactSha256);
        return;
      } catch (error) {
        if (signal.aborted) return;
        // One of them is the 404 of an older server, which has no such call.
        const isRefused = error instanceof ServerResponseError && error.isFinal;
        this.logger.warn({ err: error, failures, isRefused }, 'a crash loop could not be reported');
        if (isRefused) return;
        await delay(backoffMs(failures, RETRY), undefined, { signal }).catch(() => undefined);
      }
    }
  }
}
