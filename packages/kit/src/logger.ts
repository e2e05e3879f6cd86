import { destination, pino, type Logger } from 'pino';

export type { Logger };

/** Keys whose values never reach a log, wherever they sit in the first two levels of a logged object. */
const SECRET_KEYS = ['authorization', 'apiKey', 'api_key', 'token', 'secret', 'password', 'cookie'];
const REDACT = SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]);

/**
 * A JSON logger of one process, on standard error, so that standard output stays the program's own.
 * Level by `LOG_LEVEL` (default `info`).
 */
export function createLogger(component: string): Logger {
  return pino(
    {
      level: process.env['LOG_LEVEL'] ?? 'info',
      base: { component, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: REDACT, censor: '[redacted]' },
    },
    destination({ fd: 2, sync: true }),
  );
}
