import { type Logger } from '@pegasus-workflows/kit';
import { DefaultLogger, Runtime, type LogEntry } from '@temporalio/worker';

const PINO_LEVEL = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

/** The SDK says at INFO what is routine for us (a Worker's state changes); authors' own logs keep their level. */
function isRoutine(entry: LogEntry): boolean {
  const component: unknown = entry.meta?.['sdkComponent'];
  return entry.level === 'INFO' && (component === 'worker' || component === 'core');
}

/**
 * Installs the process's one Temporal runtime: logs of workflows, activities and the SDK become structured lines on
 * standard error, and signals are left to us (the SDK's own handlers would stop Workers behind the supervisor's back).
 */
export function installRuntime(logger: Logger): void {
  const sdkLogger = new DefaultLogger('DEBUG', (entry) => {
    const level = isRoutine(entry) ? 'debug' : PINO_LEVEL[entry.level];
    if (!logger.isLevelEnabled(level)) return;
    const { error, ...meta } = entry.meta ?? {};
    logger[level](error === undefined ? meta : { ...meta, err: error }, entry.message);
  });
  Runtime.install({
    logger: sdkLogger,
    shutdownSignals: [],
    telemetryOptions: { logging: { filter: { core: 'WARN', other: 'WARN' }, forward: {} } },
  });
}
