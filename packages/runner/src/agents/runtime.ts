import { type Logger } from '@pegasus-workflows/kit';
import { DefaultLogger, Runtime, type LogEntry } from '@temporalio/worker';

const LEVELS = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'debug',
  WARN: 'warn',
  ERROR: 'error',
} as const satisfies Record<LogEntry['level'], keyof Logger>;

/**
 * The process's one Temporal runtime: what the SDK says goes to the host's log, without the tokens of tasks, and signals
 * are left to the host, which ends its steps in order.
 */
export function installHostRuntime(logger: Logger): void {
  const sdkLogger = new DefaultLogger('INFO', ({ level, message, meta = {} }) => {
    const { taskToken: _, error, ...about } = meta as Record<string, unknown>;
    logger[LEVELS[level]]({ ...about, ...(error === undefined ? {} : { err: error }) }, message);
  });
  Runtime.install({ logger: sdkLogger, shutdownSignals: [] });
}
