import { dispatchReportSchema } from '@pegasus-workflows/contracts';
import { permissionDecisionSchema, subagentEventSchema } from '@pegasus-workflows/contracts/agents';
import { z } from 'zod';
import { sha256 } from '../digest.js';

/** What the log keeps: the events of the wire, and what the wire does not carry. */
const about = { taskId: z.string().min(1) };

export const logBodySchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('event'), event: subagentEventSchema }),
  /** A call with all of its arguments, and what was said of it; written before it is made. */
  z.object({
    kind: z.literal('call'),
    ...about,
    decision: permissionDecisionSchema,
    arguments: z.unknown(),
    why: z.string(),
  }),
  /** What came of a call. */
  z.object({
    kind: z.literal('outcome'),
    ...about,
    toolCallId: z.string(),
    ok: z.boolean(),
    text: z.string(),
  }),
  /** An error with its stack, which is nowhere else. */
  z.object({ kind: z.literal('failure'), ...about, error: z.string(), stack: z.string().optional() }),
  /** How a durable dispatch stands, for those who watch it. */
  z.object({ kind: z.literal('status'), ...dispatchReportSchema.omit({ at: true, events: true }).shape }),
  /** A workspace, or what was done in it, on its way between two hosts. */
  z.object({
    kind: z.literal('moved'),
    ...about,
    way: z.enum(['handed over', 'taken over', 'given back', 'taken back']),
    commit: z.string(),
  }),
  /** A writer found a last line that was not whole, and put it aside. */
  z.object({ kind: z.literal('mended'), bytes: z.number().int() }),
]);
export type LogBody = z.output<typeof logBodySchema>;

/** A record of a durable dispatch: the n-th of it, which is written once however often it is asked for. */
const placeSchema = z.object({ dispatchId: z.string().min(1), n: z.number().int().positive() });
export type Place = z.output<typeof placeSchema>;

const digest = z.string().regex(/^[0-9a-f]{64}$/);
export const logLineSchema = z.object({
  /** From 1, one more with each line, through all files. */
  seq: z.number().int().positive(),
  at: z.iso.datetime(),
  /** The digest of the line before. */
  prev: digest,
  of: placeSchema.optional(),
  body: logBodySchema,
  /** SHA-256 of all of the above. */
  hash: digest,
});
export type LogLine = z.output<typeof logLineSchema>;

/** What the first line of all has for the one before it. */
export const GENESIS = '0'.repeat(64);

/** Where a log has come to. */
export interface Head {
  seq: number;
  hash: string;
}
export const BEGINNING: Head = { seq: 0, hash: GENESIS };

/** The line after a head. */
export function sealed(head: Head, body: LogBody, at: Date, of?: Place): LogLine {
  const line = { seq: head.seq + 1, at: at.toISOString(), prev: head.hash, ...(of ? { of } : {}), body };
  return { ...line, hash: digestOf(line) };
}

export function digestOf({ seq, at, prev, of, body }: Omit<LogLine, 'hash'>): string {
  return sha256(JSON.stringify(of ? [seq, at, prev, of, body] : [seq, at, prev, body]));
}

/** A line of text; `undefined` for what is none, or has been changed. */
export function parseLine(text: string): LogLine | undefined {
  try {
    const raw = JSON.parse(text) as LogLine;
    // Before it is parsed: a schema may drop what it does not know, and the digest is of all there is.
    if (digestOf(raw) !== raw.hash) return undefined;
    const parsed = logLineSchema.safeParse(raw);
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
