import { type EgressPolicy } from '@pegasus-workflows/kit/egress';
import { type Logger } from '@pegasus-workflows/kit';
import { egressConnect } from '../egress/connect.js';
import { apiRoute, artifactRoute, tunnelRoute } from '../egress/routes.js';
import { Tunnels } from '../egress/tunnels.js';
import { WorkerHttp } from '../egress/worker-http.js';
import { type GatewaySession } from '../gateway/gateway.js';
import { type ConfigureMessage } from '../protocol.js';
import { blobRoute, type BlobTarget } from './blob-routes.js';
import { type WorkerPorts } from './worker-ports.js';

/** What the services of one tenant's worker are made of. */
export interface ServiceOptions {
  tenantId: string;
  session: GatewaySession;
  serverUrl: string;
  egress: EgressPolicy;
  /** Where the server has the tenant's large payloads. */
  blobTarget: BlobTarget;
  /** Where an artifact lies that this worker was told to load. */
  artifactDir: (sha256: string) => string | undefined;
  logger: Logger;
}

/** Puts behind a worker's ports what it finds there. @returns what it has to know of them; the ports end by themselves */
export function serveWorker(
  ports: WorkerPorts,
  { tenantId, session, serverUrl, egress, blobTarget, artifactDir, logger }: ServiceOptions,
): Pick<ConfigureMessage, 'gateway' | 'apiBaseUrl' | 'supervisorUrl'> & { close: () => void } {
  ports.gateway.onConnection((socket) => session.accept(socket));
  const connect = egressConnect(egress);
  const tunnels = new Tunnels(connect);
  const http: WorkerHttp = new WorkerHttp(
    [
      apiRoute(serverUrl),
      artifactRoute(artifactDir),
      blobRoute(tenantId, blobTarget),
      tunnelRoute(tunnels, (host, refusal) => http.refused(host, refusal)),
    ],
    connect,
    logger,
  );
  ports.http.onConnection((socket) => http.accept(socket));
  ports.tunnel?.onConnection((socket) => tunnels.claim(socket));
  const { credential, namespace } = session;
  const supervisorUrl = `http://${ports.http.address}`;
  return {
    gateway: { address: session.address ?? ports.gateway.address, credential, namespace },
    apiBaseUrl: supervisorUrl,
    supervisorUrl,
    close: () => tunnels.close(),
  };
}
