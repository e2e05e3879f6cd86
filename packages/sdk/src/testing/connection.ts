import { Connection, type ConnectionOptions } from '@temporalio/client';
import {
  InternalConnectionOptionsSymbol,
  type InternalConnectionOptions,
} from '@temporalio/client/lib/connection.js';
import { NativeConnection } from '@temporalio/worker';

/** The two connections a test needs to a time-skipping server. */
export interface TestConnections {
  client: Connection;
  worker: NativeConnection;
  close(): Promise<void>;
}

/**
 * Connects as Temporal's own TestWorkflowEnvironment does. That class can skip time only on a server it started
 * itself; the option that opens the TestService on a connection is the one piece it keeps to itself.
 */
export async function connectToTestServer(address: string): Promise<TestConnections> {
  const options: ConnectionOptions & InternalConnectionOptions = {
    address,
    [InternalConnectionOptionsSymbol]: { supportsTestService: true },
  };
  const client = await Connection.connect(options);
  const worker = await NativeConnection.connect({ address }).catch(async (error: unknown) => {
    await client.close();
    throw error;
  });
  return {
    client,
    worker,
    close: async () => {
      await client.close();
      await worker.close();
    },
  };
}
