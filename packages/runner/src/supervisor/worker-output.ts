import { createInterface } from 'node:readline';
import { type Readable } from 'node:stream';
import { type Logger } from '@pegasus-workflows/kit';

const MAX_LINE = 16 * 1024;
const LEVELS: Record<number, 'debug' | 'info' | 'warn' | 'error'> = { 20: 'debug', 30: 'info', 40: 'warn' };

/**
 * Turns what a tenant's process prints into log lines of ours. Its text is never passed through bare: tenant code could
 * otherwise forge lines of the platform. A structured line keeps its fields under `worker`.
 */
export function forwardOutput(stream: Readable, name: 'stdout' | 'stderr', logger: Logger): void {
  const lines = createInterface({ input: stream, crlfDelay: Infinity });
  lines.on('line', (line) => {
    if (line.length === 0) return;
    const entry = name === 'stderr' && line.length <= MAX_LINE ? parseLine(line) : undefined;
    if (!entry) {
      logger.info({ stream: name, worker: { line: line.slice(0, MAX_LINE) } }, 'worker output');
      return;
    }
    const { level, msg, time: _time, pid: _pid, component: _component, ...fields } = entry;
    const method = typeof level === 'number' ? (LEVELS[level] ?? (level >= 50 ? 'error' : 'debug')) : 'info';
    logger[method]({ worker: fields }, typeof msg === 'string' ? msg : 'worker log');
  });
  lines.on('error', () => undefined);
}

function parseLine(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
