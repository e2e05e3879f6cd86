import { readFileSync } from 'node:fs';
import { PegasusClient } from 'pegasus-workflows-sdk/client';

/** Starts and awaits runs as a caller of the platform does: the SDK's client over HTTP. */
export async function connectPlatform() {
  const { BENCH_URL, BENCH_WORKFLOW_ID, BENCH_API_KEY_FILE } = process.env;
  const { apiKey } = JSON.parse(readFileSync(BENCH_API_KEY_FILE, 'utf8'));
  const client = new PegasusClient({ baseUrl: BENCH_URL, token: apiKey });
  return {
    /** @param {{activities: number}} input @returns a function that waits for the result */
    async start(input) {
      const { id } = await client.workflows.run(BENCH_WORKFLOW_ID, { input });
      return async () => {
        const execution = await client.executions.wait(BENCH_WORKFLOW_ID, id);
        if (execution.status !== 'COMPLETED')
          throw new Error(`${execution.status}: ${execution.errorMessage}`);
        return execution.result;
      };
    },
    close: async () => undefined,
  };
}
