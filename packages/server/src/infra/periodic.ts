import { type Logger } from '@pegasus-workflows/kit';
import { errorForLog } from './error-log.js';

export interface Stoppable {
  /** Stops for good; resolves when what was under way has ended. */
  stop(): Promise<void>;
}

/**
 * Runs `work` now and then `everyMs` after each end of it, never twice at once. A failure is logged when it begins
 * and when it is over, not at every repetition.
 */
export function periodic(
  name: string,
  everyMs: number,
  work: (signal: AbortSignal) => Promise<void>,
  logger: Logger,
): Stoppable {
  const stopping = new AbortController();
  let failing = false;
  let timer: NodeJS.Timeout | undefined;
  let current: Promise<void> = Promise.resolve();

  const round = async (): Promise<void> => {
    try {
      await work(stopping.signal);
      if (failing) logger.info({ job: name }, `${name} works again`);
      failing = false;
    } catch (error) {
      if (!failing && !stopping.signal.aborted)
        logger.warn({ job: name, error: errorForLog(error) }, `${name} failed; it is repeated`);
      failing = true;
    }
    if (!stopping.signal.aborted) timer = setTimeout(next, everyMs);
  };
  const next = (): void => {
    current = round();
  };
  next();
  return {
    stop: async () => {
      stopping.abort();
      clearTimeout(timer);
      await current;
    },
  };
}
