import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { type DispatchReport } from '@pegasus-workflows/contracts';
import { writeFileAtomic } from '@pegasus-workflows/kit/files';
import { z } from 'zod';
import { type LogLine } from '../../log/records.js';

/**
 * Job: tells the server what dispatches have come to: the event log is the list of what is to be told.
 *
 * Boundary: lines in, reports out. The server takes a report that it has had already as nothing new.
 *
 * Invariants
 * 1. Each line of a dispatch is told at least once, in order, however often this process or the server ends: the place
 *    in the log is written down after the server has answered, and what comes after it is told again.
 * 2. A server that does not answer holds up nothing: dispatches go on, and it is told when it is there again.
 * 3. What the server refuses for good is told to `onRefused` and left behind: it holds up no other dispatch.
 */
export interface ShipperOptions {
  /** Where the place in the log is kept. */
  file: string;
  /** Rejects when the server does not answer; `refused` when the same again would be refused again. */
  send: (dispatchId: string, report: DispatchReport) => Promise<'taken' | 'refused'>;
  onRefused: (dispatchId: string) => void;
  onFailed: (error: unknown) => void;
}

const placeSchema = z.object({ seq: z.number().int().nonnegative() });
const PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;
/** Events of one report. */
const EVENTS_MAX = 500;

type Standing = Pick<DispatchReport, 'state' | 'question' | 'result' | 'tokensIn' | 'tokensOut'>;
const BEGUN: Standing = { state: 'RUNNING', question: null, result: null, tokensIn: 0, tokensOut: 0 };

export class Shipper {
  readonly #lines: LogLine[] = [];
  /** How each dispatch stood at the last line that was told. */
  readonly #standing = new Map<string, Standing>();
  readonly #stopping = new AbortController();
  #work: Promise<void> = Promise.resolve();
  #isWorking = false;

  private constructor(
    private readonly options: ShipperOptions,
    private told: number,
  ) {}

  static async open(options: ShipperOptions): Promise<Shipper> {
    return new Shipper(options, await placeIn(options.file));
  }

  /** A line that is in the log, in the log's order. */
  add(line: LogLine): void {
    if (!line.of) return;
    if (line.seq > this.told) this.#lines.push(line);
    else this.#note(line);
    if (!this.#isWorking) this.#work = this.#ship();
  }

  /** Resolves once all lines are told, or it was stopped. @returns whether all are */
  async settled(): Promise<boolean> {
    await this.#work;
    return this.#lines.length === 0;
  }

  /** Ends after the report that is under way. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#work;
  }

  async #ship(): Promise<void> {
    this.#isWorking = true;
    let pauseMs = PAUSE_MS;
    // In the next tick: what is added at once goes together.
    await Promise.resolve();
    while (this.#lines.length > 0 && !this.#stopping.signal.aborted) {
      try {
        await this.#shipOne();
        pauseMs = PAUSE_MS;
      } catch (error) {
        this.options.onFailed(error);
        await delay(pauseMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      }
    }
    this.#isWorking = false;
  }

  /** The first lines that are of one dispatch. */
  async #shipOne(): Promise<void> {
    const { dispatchId } = this.#lines[0]!.of!;
    const other = this.#lines.findIndex(({ of }) => of!.dispatchId !== dispatchId);
    const lines = this.#lines.slice(0, Math.min(other === -1 ? EVENTS_MAX : other, EVENTS_MAX));
    const events = lines.flatMap(({ body, of }) =>
      body.kind === 'event' ? [{ n: of!.n, event: body.event }] : [],
    );
    const before = this.#standing.get(dispatchId) ?? BEGUN;
    const standing = lines.reduce(standingAfter, before);
    const last = lines.at(-1)!;
    if (events.length > 0 || standing !== before) {
      const report = storable({ at: last.of!.n, events, ...standing });
      const answer = await this.options.send(dispatchId, report);
      if (answer === 'refused') this.options.onRefused(dispatchId);
    }
    await writeFileAtomic(this.options.file, JSON.stringify({ seq: last.seq }), 0o600);
    this.told = last.seq;
    for (const line of lines) this.#note(line);
    this.#lines.splice(0, lines.length);
  }

  #note(line: LogLine): void {
    const { dispatchId } = line.of!;
    const standing = standingAfter(this.#standing.get(dispatchId) ?? BEGUN, line);
    if (standing.state === 'ENDED') this.#standing.delete(dispatchId);
    else this.#standing.set(dispatchId, standing);
  }
}

function standingAfter(before: Standing, { body }: LogLine): Standing {
  if (body.kind !== 'status') return before;
  const { kind: _, ...standing } = body;
  return standing;
}

/** A model may write what no database keeps: a zero character, half of a pair. The log has it as it was. */
function storable(report: DispatchReport): DispatchReport {
  const text = (value: unknown): unknown =>
    typeof value === 'string' ? value.replace(/\0|\p{Cs}/gu, '\ufffd') : value;
  return JSON.parse(JSON.stringify(report), (_key, value: unknown) => text(value)) as DispatchReport;
}

async function placeIn(file: string): Promise<number> {
  try {
    return placeSchema.parse(JSON.parse(await readFile(file, 'utf8'))).seq;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
