/**
 * The tenant worker's main file: the untrusted side. It owns no decision; it does what the supervisor's messages say
 * and reports. It ends when its supervisor is gone, when told to drain, or when tenant code lets an error escape.
 *
 * Signals: SIGINT is ignored, because Ctrl-C reaches the whole process group and the supervisor drains us in order.
 * SIGTERM drains. An escaped exception or rejection is logged, polling stops, other running activities get a moment
 * to finish, and the process ends with its own exit code: what state the code left behind is unknown, so the
 * supervisor starts a fresh process.
 */
import { createLogger } from '@pegasus-workflows/kit';
import { toWorkerSchema, WORKER_EXIT, type FromWorker, type ToWorker } from '../protocol.js';
import { type WorkerHost } from './host.js';
import { LogCapture } from './logs/capture.js';
import { runtimeEnv } from './runtime-env.js';
import { type AskedRun, type GivenToken } from './token-keeper.js';

/** How long running activities get when the supervisor is gone or tenant code broke the process. */
const SHORT_DRAIN_MS = 1_000;

const logger = createLogger('worker');
const capture = LogCapture.install();
// Registered before the SDK's slow import, so that nothing sent meanwhile is lost.
const sdk = import('./sdk.js');
let host: WorkerHost | undefined;
let ending = false;

function send(message: FromWorker): void {
  if (process.connected) process.send?.(message);
}

/** Requests for runtime tokens that the supervisor has not answered; when it is gone, so is this process, soon. */
const asked = new Map<number, (given: GivenToken | undefined) => void>();
let requests = 0;

function askForToken(run: AskedRun): Promise<GivenToken | undefined> {
  return new Promise((resolve) => {
    const requestId = ++requests;
    asked.set(requestId, resolve);
    send({ type: 'want-token', requestId, ...run });
  });
}

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

async function handle(message: ToWorker): Promise<void> {
  const { createHost } = await sdk;
  switch (message.type) {
    case 'configure':
      if (host) return;
      process.env = runtimeEnv(process.env, message.apiBaseUrl);
      host = createHost(message, askForToken, capture, logger, (taskQueue, error) => {
        logger.error({ taskQueue, err: error }, 'temporal worker failed');
        send({ type: 'load-failed', taskQueue, reason: describe(error) });
      });
      return;
    case 'load': {
      const startedAt = performance.now();
      const { taskQueue } = message;
      try {
        if (!host) throw new Error('load before configure');
        await host.load(message);
        send({ type: 'loaded', taskQueue, durationMs: Math.round(performance.now() - startedAt) });
      } catch (error) {
        logger.error({ taskQueue, err: error }, 'artifact could not be loaded');
        send({ type: 'load-failed', taskQueue, reason: describe(error) });
      }
      return;
    }
    case 'unload':
      await host?.unload(message.taskQueue);
      send({ type: 'unloaded', taskQueue: message.taskQueue });
      return;
    case 'token':
      asked.get(message.requestId)?.(message.given);
      asked.delete(message.requestId);
      return;
    case 'drain':
      await end(WORKER_EXIT.done);
      return;
    case 'stats':
      send({ type: 'stats', rssBytes: process.memoryUsage.rss(), queues: host?.queues() ?? [] });
      return;
  }
}

/** Drains and exits; within `limitMs` when given, whatever still runs. */
async function end(code: number, limitMs?: number): Promise<void> {
  if (ending) return;
  ending = true;
  if (limitMs !== undefined) setTimeout(() => process.exit(code), limitMs);
  try {
    await host?.drain();
  } catch (error) {
    logger.warn({ err: error }, 'drain failed');
  }
  capture.flush();
  if (!process.connected) process.exit(code);
  process.send?.({ type: 'drained' } satisfies FromWorker, () => process.exit(code));
}

function escaped(kind: string): (error: unknown) => void {
  return (error) => {
    logger.fatal({ err: error, kind }, 'tenant code let an error escape; this process will be replaced');
    void end(WORKER_EXIT.uncaught, SHORT_DRAIN_MS);
  };
}

/** The supervisor is gone. A drain it asked for may have nobody left to report to, so the time limit holds there too. */
function abandoned(): void {
  setTimeout(() => process.exit(WORKER_EXIT.done), SHORT_DRAIN_MS);
  void end(WORKER_EXIT.done);
}

process.on('message', (raw: unknown) => {
  const parsed = toWorkerSchema.safeParse(raw);
  if (!parsed.success) {
    logger.fatal({ issues: parsed.error.issues.length }, 'unreadable message from the supervisor');
    void end(WORKER_EXIT.protocol, SHORT_DRAIN_MS);
    return;
  }
  void handle(parsed.data);
});
process.on('disconnect', abandoned);
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => void end(WORKER_EXIT.done));
process.on('uncaughtException', escaped('uncaughtException'));
process.on('unhandledRejection', escaped('unhandledRejection'));

// A supervisor that died while this process was importing its modules: nobody heard the event.
if (!process.connected) abandoned();

sdk.then(
  ({ installRuntime }) => {
    installRuntime(capture);
    send({ type: 'started' });
  },
  (error: unknown) => {
    logger.fatal({ err: error }, 'the Temporal SDK cannot be loaded');
    process.exit(1);
  },
);
