/** Everything that pulls in the Temporal SDK (about half a second), behind one import that `main.ts` starts early. */
import { type Logger } from '@pegasus-workflows/kit';
import { type ConfigureMessage } from '../protocol.js';
import { WorkerHost } from './host.js';
import { type LogCapture } from './logs/capture.js';
import { WorkerPayloadKeys, type AskForPayloadKeys } from './payload-keys.js';
import { TokenKeeper, type AskForToken } from './token-keeper.js';

export { installRuntime } from './logging.js';

/** What a host asks the supervisor. */
export interface HostQuestions {
  askForToken: AskForToken;
  askForPayloadKeys: AskForPayloadKeys;
}

/** See {@link WorkerHost}. */
export function createHost(
  config: ConfigureMessage,
  { askForToken, askForPayloadKeys }: HostQuestions,
  capture: LogCapture,
  logger: Logger,
  onFailed: (taskQueue: string, error: unknown) => void,
): WorkerHost {
  const keys = new WorkerPayloadKeys(config.payloadKeys, askForPayloadKeys);
  return new WorkerHost(config, new TokenKeeper(askForToken), keys, capture, logger, onFailed);
}
