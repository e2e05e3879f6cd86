/** Everything that pulls in the Temporal SDK (about half a second), behind one import that `main.ts` starts early. */
import { type Logger } from '@pegasus-workflows/kit';
import { type ConfigureMessage } from '../protocol.js';
import { WorkerHost } from './host.js';
import { type LogCapture } from './logs/capture.js';
import { TokenKeeper, type AskForToken } from './token-keeper.js';

export { installRuntime } from './logging.js';

/** See {@link WorkerHost}. */
export function createHost(
  config: ConfigureMessage,
  ask: AskForToken,
  capture: LogCapture,
  logger: Logger,
  onFailed: (taskQueue: string, error: unknown) => void,
): WorkerHost {
  return new WorkerHost(config, new TokenKeeper(ask), capture, logger, onFailed);
}
