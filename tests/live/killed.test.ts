import { randomUUID } from 'node:crypto';
import { eq } from 'drizzle-orm';
import { expect, it } from 'vitest';
import { temporalWorkflowId } from '@pegasus-workflows/contracts';
import { PegasusClient } from 'pegasus-workflows-sdk/client';
import { schema } from '@pegasus-workflows/server';
import { forOneDialect } from '../server/support.js';
import { KilledServer } from '../support/killed-server.js';

/** A loop of the client over a server that is killed, and over what was written while it was away. */
forOneDialect('a loop over the changes of executions', (open) => {
  it('goes on by itself after a kill, and sees the last state of every execution', async () => {
    await using server = await KilledServer.open(await open());
    await server.start();
    const { tenantId, apiKey } = await server.keys();
    const { id: workflowId } = await server.seedWorkflow();
    await server.start();
    const client = new PegasusClient({ baseUrl: server.url, token: apiKey });
    const loop = client.live.executions();
    expect((await loop.next()).value).toMatchObject({ type: 'ready' });
    const run = () => client.workflows.run(workflowId, { delay: 3_600 });
    const first = await run();
    expect((await loop.next()).value).toMatchObject({ execution: { id: first.id, status: 'QUEUED' } });
    const others = [await run(), await run()];
    await server.kill();
    const status = 'COMPLETED' as const;
    await server.inDatabase((tx) =>
      tx.update(schema.executions).set({ status }).where(eq(schema.executions.id, others[0]!.id)),
    );
    const late = randomUUID();
    await server.inDatabase((tx) =>
      tx.insert(schema.executions).values({
        id: late,
        tenantId,
        workflowId,
        status,
        temporalWorkflowId: temporalWorkflowId(tenantId, 'demo', late),
        triggerSource: 'USER',
      }),
    );
    await server.start();
    const last = new Map<string, string>();
    while (!(last.get(late) && last.get(others[0]!.id) === status && last.get(others[1]!.id))) {
      const { value } = await loop.next();
      if (value?.type === 'execution') last.set(value.execution.id, value.execution.status);
    }
    expect(last).toEqual(
      new Map([
        [others[1]!.id, 'QUEUED'],
        [others[0]!.id, status],
        [late, status],
      ]),
    );
    await loop.return();
    await server.stop();
  }, 300_000);
});
