import { LIMITS, type LogLevel } from '@pegasus-workflows/contracts';
import { z } from 'zod';
import { logLineSchema, type LogLine } from '../../logs/line.js';

/** A line of the worker's own logger (`kit/logger.ts`), such as that an artifact could not be loaded and why. */
const ownLineSchema = z.object({
  component: z.literal('worker'),
  level: z.number(),
  msg: z.string(),
  taskQueue: z.string().max(300).optional(),
  err: z.object({ stack: z.string().optional(), message: z.string().optional() }).optional(),
});

const WARN = 40;
const ERROR = 50;

/**
 * What a line of a worker's output says; `undefined` for what nobody needs to know. Whatever is not of the forms that the
 * worker uses is text that something printed. Tenant code can write any of them: nothing here is believed beyond its shape.
 */
export function entryOf(stream: 'stdout' | 'stderr', line: string, isCut: boolean): LogLine | undefined {
  const json = stream === 'stderr' && !isCut ? parse(line) : undefined;
  if (json) {
    const entry = logLineSchema.safeParse(json);
    if (entry.success) return entry.data;
    const own = ownLineSchema.safeParse(json);
    if (own.success) return ofOwnLine(own.data);
  }
  if (line.trim() === '') return undefined;
  return processEntry(stream === 'stderr' ? 'warn' : 'info', line, isCut);
}

function ofOwnLine({ level, msg, taskQueue, err }: z.infer<typeof ownLineSchema>): LogLine | undefined {
  if (level < WARN) return undefined;
  const why = err?.stack ?? err?.message;
  const text = why === undefined ? msg : `${msg}: ${why}`;
  return processEntry(level >= ERROR ? 'error' : 'warn', text, false, taskQueue);
}

function processEntry(level: LogLevel, text: string, isCut: boolean, taskQueue?: string): LogLine {
  const isLong = text.length > LIMITS.logMessageCharacters;
  return {
    pegasusLog: { source: 'process', ...(taskQueue === undefined ? {} : { taskQueue }) },
    at: Date.now(),
    level,
    message: text.slice(0, LIMITS.logMessageCharacters),
    ...(isCut || isLong ? { truncated: true } : {}),
  };
}

function parse(line: string): unknown {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
