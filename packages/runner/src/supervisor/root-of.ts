import { type Client } from '@temporalio/client';
import { type TemporalTarget } from '../protocol.js';
import { type RootOf } from './token-mint.js';

/** Asks Temporal for the root of a run's tree. The client is imported and connected when the first child run asks. */
export function temporalRoots(target: TemporalTarget): RootOf {
  let client: Promise<Client> | undefined;
  return async ({ workflowId, runId }) => {
    client ??= connect(target).catch((error: unknown) => {
      client = undefined;
      throw error;
    });
    const { raw } = await (await client).workflow.getHandle(workflowId, runId).describe();
    return raw.workflowExecutionInfo?.rootExecution?.workflowId ?? undefined;
  };
}

async function connect({ address, namespace, apiKey, tls }: TemporalTarget): Promise<Client> {
  const { Client, Connection } = await import('@temporalio/client');
  const bytes = (base64: string): Buffer => Buffer.from(base64, 'base64');
  const connection = await Connection.connect({
    address,
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(tls === undefined
      ? {}
      : {
          tls: {
            ...(tls.serverNameOverride === undefined ? {} : { serverNameOverride: tls.serverNameOverride }),
            ...(tls.serverRootCACertificate === undefined
              ? {}
              : { serverRootCACertificate: bytes(tls.serverRootCACertificate) }),
            ...(tls.clientCertPair === undefined
              ? {}
              : {
                  clientCertPair: { crt: bytes(tls.clientCertPair.crt), key: bytes(tls.clientCertPair.key) },
                }),
          },
        }),
  });
  return new Client({ connection, namespace });
}
