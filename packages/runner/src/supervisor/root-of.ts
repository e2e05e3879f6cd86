import { type Client } from '@temporalio/client';
import { connectionOptions, type TemporalTarget } from '../connection-options.js';
import { type RootOf } from './token-mint.js';

/** Asks Temporal for the root of a run's tree. The client is imported and connected when the first child run asks. */
export function temporalRoots(target: TemporalTarget): RootOf {
  let client: Promise<Client> | undefined;
  return async ({ workflowId, runId }) => {
    client ??= connect(target).catch((error: unknown) => {
      client = undefined;
      throw error;
    });
    const { raw } = await (
      await client
    ).workflow
      .getHandle(workflowId, runId === '' ? undefined : runId)
      .describe();
    return raw.workflowExecutionInfo?.rootExecution?.workflowId ?? undefined;
  };
}

async function connect(target: TemporalTarget): Promise<Client> {
  const { Client, Connection } = await import('@temporalio/client');
  const connection = await Connection.connect(connectionOptions(target));
  return new Client({ connection, namespace: target.namespace });
}
