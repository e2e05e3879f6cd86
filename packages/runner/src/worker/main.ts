/**
 * The tenant worker's main file: the untrusted side. It owns no decision; it does what the supervisor's messages say
 * and reports. It ends when its supervisor is gone, when told to drain, or when tenant code lets an error escape.
 *
 * Signals: SIGINT is ignored, because Ctrl-C reaches the whole process group and the supervisor drains us in order.
 * SIGTERM drains. An escaped exception or rejection is logged, polling stops, other running activities get a moment
 * to finish, and the process ends with its own exit code: what state the code left behind is unknown, so the
 * supervisor starts a fresh process.
 */
import { Socket } from 'node:net';
import { createLogger } from '@pegasus-workflows/kit';
import { Channel } from '../channel.js';
import { OWN_NETWORK_ARGUMENT } from '../own-network-ports.js';
import { toWorkerSchema, WORKER_EXIT, type FromWorker, type ToWorker } from '../protocol.js';
import { CHANNEL_FD } from '../sandbox/sandbox.js';
import { withArtifactFiles } from './artifact-files.js';
import { faultOf, PlatformFault } from './fault.js';
import { type WorkerHost } from './host.js';
import { LogCapture } from './logs/capture.js';
import { handOutPorts, tunnelConnections } from './own-network.js';
import { runtimeEnv } from './runtime-env.js';
import { type HostQuestions } from './sdk.js';
import { type AskedRun } from './token-keeper.js';

/** How long running activities get when the supervisor is gone or tenant code broke the process. */
const SHORT_DRAIN_MS = 1_000;

const logger = createLogger('worker');
const capture = LogCapture.install();
const channel = new Channel(new Socket({ fd: CHANNEL_FD }));
const ownNetwork = process.argv.includes(OWN_NETWORK_ARGUMENT);
// Both before anything of a tenant; the supervisor configures nobody whose ports it does not have.
if (ownNetwork) {
  tunnelConnections();
  handOutPorts().catch((error: unknown) => {
    logger.fatal({ err: error }, 'the ports to the supervisor cannot be made');
    process.exit(1);
  });
}
const sdk = import('./sdk.js');
let supervisorUrl = '';
let host: WorkerHost | undefined;
let ending = false;

function send(message: FromWorker): void {
  channel.send(message);
}

type Answer = Extract<ToWorker, { type: 'token' | 'payload-keys' }>;

/** Questions that the supervisor has not answered; when it is gone, so is this process, soon. */
const asked = new Map<number, (answer: Answer) => void>();
let requests = 0;

function ask<A extends Answer>(
  kind: A['type'],
  question: (requestId: number) => FromWorker,
): Promise<A['given']> {
  return new Promise((resolve) => {
    const requestId = ++requests;
    asked.set(requestId, (answer) => resolve(answer.type === kind ? answer.given : undefined));
    send(question(requestId));
  });
}

const questions: HostQuestions = {
  askForToken: (run: AskedRun) =>
    ask<Extract<Answer, { type: 'token' }>>('token', (requestId) => ({
      type: 'want-token',
      requestId,
      ...run,
    })),
  askForPayloadKeys: (keyId) =>
    ask<Extract<Answer, { type: 'payload-keys' }>>('payload-keys', (requestId) => ({
      type: 'want-payload-keys',
      requestId,
      keyId,
    })),
};

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

async function handle(message: ToWorker): Promise<void> {
  const { createHost } = await sdk;
  switch (message.type) {
    case 'configure':
      if (host) return;
      supervisorUrl = message.supervisorUrl;
      process.env = runtimeEnv(process.env, message.apiBaseUrl);
      host = createHost(message, questions, capture, logger, (taskQueue, error) => {
        logger.error({ taskQueue, err: error }, 'temporal worker failed');
        send({ type: 'load-failed', taskQueue, reason: describe(error), fault: faultOf(error) });
      });
      return;
    case 'load': {
      const startedAt = performance.now();
      const { taskQueue } = message;
      try {
        const loading = host;
        if (!loading) throw new PlatformFault('load before configure');
        await withArtifactFiles(supervisorUrl, message, (artifactDir) =>
          loading.load({ ...message, artifactDir }),
        );
        send({ type: 'loaded', taskQueue, durationMs: Math.round(performance.now() - startedAt) });
      } catch (error) {
        logger.error({ taskQueue, err: error }, 'artifact could not be loaded');
        send({ type: 'load-failed', taskQueue, reason: describe(error), fault: faultOf(error) });
      }
      return;
    }
    case 'unload':
      await host?.unload(message.taskQueue);
      send({ type: 'unloaded', taskQueue: message.taskQueue });
      return;
    case 'token':
    case 'payload-keys':
      asked.get(message.requestId)?.(message);
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
  channel.send({ type: 'drained' } satisfies FromWorker, () => process.exit(code));
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

channel.onMessage((raw) => {
  const parsed = toWorkerSchema.safeParse(raw);
  if (!parsed.success) {
    logger.fatal({ issues: parsed.error.issues.length }, 'unreadable message from the supervisor');
    void end(WORKER_EXIT.protocol, SHORT_DRAIN_MS);
    return;
  }
  void handle(parsed.data);
});
channel.onEnd(abandoned);
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => void end(WORKER_EXIT.done));
process.on('uncaughtException', escaped('uncaughtException'));
process.on('unhandledRejection', escaped('unhandledRejection'));

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
