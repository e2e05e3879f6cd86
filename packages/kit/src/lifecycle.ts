import type { Logger } from './logger.js';

type Closer = () => Promise<void> | void;

/**
 * Runs `close` once, on SIGTERM, SIGINT or the loss of the parent, then exits 0; exits 1 when closing fails or takes
 * longer than `graceMs`. A second signal exits at once.
 */
export function onShutdown(logger: Logger, close: Closer, graceMs = 15_000): (reason: string) => void {
  let closing = false;
  const shutdown = (reason: string): void => {
    if (closing) process.exit(1);
    closing = true;
    logger.info({ reason }, 'shutting down');
    setTimeout(() => {
      logger.error({ graceMs }, 'did not shut down in time');
      process.exit(1);
    }, graceMs).unref();
    Promise.resolve()
      .then(close)
      .then(
        () => process.exit(0),
        (error: unknown) => {
          logger.error({ err: error }, 'shutdown failed');
          process.exit(1);
        },
      );
  };
  process.on('SIGTERM', () => shutdown('SIGTERM'));
  process.on('SIGINT', () => shutdown('SIGINT'));
  return shutdown;
}

/**
 * Ends this process when the one that spawned it is gone, however it went: a child spawned with an IPC channel sees
 * the channel close. Without a channel (started by hand, by systemd) it does nothing.
 */
export function exitWhenParentDies(shutdown: (reason: string) => void): void {
  // Node keeps `send` when the channel closes, so it tells a child from a process started by hand.
  if (!process.send) return;
  const reason = 'parent is gone';
  process.on('disconnect', () => shutdown(reason));
  // A parent that died while this process was still importing its modules: nobody heard the event.
  if (!process.connected) shutdown(reason);
}

/** The body of a process's main file: a failure to start is one logged line and exit code 1. */
export function runMain(logger: Logger, main: () => Promise<void>): void {
  main().catch((error: unknown) => {
    logger.fatal({ err: error }, error instanceof Error ? error.message : 'failed to start');
    process.exit(1);
  });
}
