import { type TemporalTarget } from '../connection-options.js';
import { EagerQueues } from './eager-polls.js';
import { type GatewayPort } from './gateway.js';

/**
 * No wall: workers call Temporal themselves, and children keep their authors' ids. It is there to measure what the
 * gateway costs; settings allow it only where there is no sandbox and Temporal asks for no credential.
 */
export function withoutGateway({ address, namespace }: TemporalTarget): GatewayPort {
  return {
    eager: new EagerQueues(() => undefined),
    tenantsAbout: 1,
    onTenant: () => undefined,
    open: () => ({
      address,
      credential: '',
      namespace,
      knows: () => true,
      busyQueues: [],
      accept: (socket) => void socket.destroy(),
      unloaded: () => undefined,
      close: () => undefined,
    }),
    close: () => undefined,
  };
}
