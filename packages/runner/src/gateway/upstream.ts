/** The connection of one worker's calls to the Temporal cluster, with the credentials that no worker sees. */
import {
  Client,
  credentials,
  Metadata,
  type ChannelCredentials,
  type ClientOptions,
  type ServiceError,
} from '@grpc/grpc-js';
import { connectionOptions, type TemporalTarget } from '../connection-options.js';

/** What goes along with a call that is passed on. */
export interface CallContext {
  metadata: Metadata;
  /** As the worker set it. */
  deadline: Date | number;
  /** Aborted when the worker has given the call up. */
  signal: AbortSignal;
}

export interface Upstream {
  /** Makes a unary call of WorkflowService. Rejects with grpc-js's `ServiceError`. */
  call(method: string, request: Uint8Array, context: CallContext): Promise<Uint8Array>;
  close(): void;
}

/** What a worker says of itself that Temporal needs to know; everything else it sends stays here. */
const PASSED_ON = [
  'client-name',
  'client-version',
  'supported-server-versions',
  'temporal-resource-id',
] as const;
const SERVICE = '/temporal.api.workflowservice.v1.WorkflowService/';

const OPTIONS: ClientOptions = {
  // A connection per worker: what one tenant sends cannot stand in another's way.
  'grpc.use_local_subchannel_pool': 1,
  // Retries are the SDK's.
  'grpc.enable_retries': 0,
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 15_000,
  'grpc.keepalive_permit_without_calls': 1,
};

/** Connects when first called, and again whenever the connection is lost. */
export function connectUpstream(target: TemporalTarget): Upstream {
  const { address, apiKey, tls } = connectionOptions(target);
  const client = new Client(address, channelCredentials(tls), {
    ...OPTIONS,
    ...(tls?.serverNameOverride
      ? {
          'grpc.ssl_target_name_override': tls.serverNameOverride,
          'grpc.default_authority': tls.serverNameOverride,
        }
      : {}),
  });
  return {
    call: (method, request, context) =>
      new Promise((resolve, reject) => {
        const metadata = metadataFor(context.metadata, target.namespace, apiKey);
        const call = client.makeUnaryRequest(
          SERVICE + method,
          asBuffer,
          (bytes: Buffer) => bytes,
          request,
          metadata,
          { deadline: context.deadline },
          (error: ServiceError | null, response?: Buffer) => {
            context.signal.removeEventListener('abort', cancel);
            if (error) reject(error);
            else resolve(response ?? Buffer.alloc(0));
          },
        );
        const cancel = (): void => call.cancel();
        context.signal.addEventListener('abort', cancel, { once: true });
        if (context.signal.aborted) cancel();
      }),
    close: () => client.close(),
  };
}

function metadataFor(given: Metadata, namespace: string, apiKey: string | undefined): Metadata {
  const metadata = new Metadata();
  for (const name of PASSED_ON) {
    const [value] = given.get(name);
    if (value !== undefined) metadata.set(name, value);
  }
  metadata.set('temporal-namespace', namespace);
  if (apiKey !== undefined) metadata.set('authorization', `Bearer ${apiKey}`);
  return metadata;
}

function channelCredentials(tls: ReturnType<typeof connectionOptions>['tls']): ChannelCredentials {
  if (!tls) return credentials.createInsecure();
  const { serverRootCACertificate, clientCertPair } = tls;
  return credentials.createSsl(
    serverRootCACertificate ? asBuffer(serverRootCACertificate) : null,
    clientCertPair ? asBuffer(clientCertPair.key) : null,
    clientCertPair ? asBuffer(clientCertPair.crt) : null,
  );
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
