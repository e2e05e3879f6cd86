import { createHash } from 'node:crypto';
import { permissionDecisionSchema, subagentEventSchema } from '@pegasus-workflows/contracts/agents';
import { z } from 'zod';

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
  /** A writer found a last line that was not whole, and put it aside. */
  z.object({ kind: z.literal('mended'), bytes: z.number().int() }),
]);
export type LogBody = z.output<typeof logBodySchema>;

const digest = z.string().regex(/^[0-9a-f]{64}$/);
export const logLineSchema = z.object({
  /** From 1, one more with each line, through all files. */
  seq: z.number().int().positive(),
  at: z.iso.datetime(),
  /** The digest of the line before. */
  prev: digest,
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
export function sealed(head: Head, body: LogBody, at: Date): LogLine {
  const line = { seq: head.seq + 1, at: at.toISOString(), prev: head.hash, body };
  return { ...line, hash: digestOf(line) };
}

export function digestOf({ seq, at, prev, body }: Omit<LogLine, 'hash'>): string {
  return createHash('sha256')
    .update(JSON.stringify([seq, at, prev, body]))
    .digest('hex');
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
