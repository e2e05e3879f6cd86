import { PegasusClient } from 'pegasus-workflows-sdk/client';
import { describe, expect, test } from 'vitest';
import { stage } from '../stage.js';

type Statuses = Record<string, { saw: [status: number, code: string | null] }>;

describe('a runtime token', () => {
  test('that is forged opens nothing', async () => {
    const held = await stage.hold();
    const { own, ...forged } = await stage.attack<Statuses>('forge-tokens', {
      tenantId: stage.neighbour.tenantId,
      executionId: held.executionId,
    });
    await stage.release(held);
    expect(own).toEqual({ saw: [200, null] });
    for (const [name, { saw }] of Object.entries(forged))
      expect([name, saw]).toEqual([name, [401, 'UNAUTHENTICATED']]);
  });

  test('that has expired opens nothing, though its run goes on', async () => {
    const seen = await stage.attack<Statuses & { renewed: boolean }>('replay-an-expired-token');
    expect(seen).toEqual({
      renewed: true,
      expired: { saw: [401, 'UNAUTHENTICATED'] },
      own: { saw: [200, null] },
    });
  });

  test('of a run that has ended opens nothing in the next', async () => {
    const token = await stage.attack<string>('own-token');
    const [outcome] = Object.values(await stage.attack<Statuses>('use-a-token', { token }));
    expect(outcome).toEqual({ saw: [401, 'UNAUTHENTICATED'] });
    await expect(new PegasusClient({ baseUrl: stage.platform.url, token }).configs.get('GREETING')).rejects.toMatchObject({ status: 401 }); // prettier-ignore
  });

  test('opens nothing of the neighbour’s and nothing that its manifest does not declare', async () => {
    const { workflow } = stage.neighbour;
    const held = await stage.hold();
    const paths = [
      `/api/v1/workflows/${workflow.id}`,
      `/api/v1/workflows/${workflow.id}/executions/${held.executionId}`,
      `/api/v1/workflows/${workflow.id}/executions/${held.executionId}/history`,
      `/api/v1/workflows/${workflow.id}/download-url`,
      '/api/v1/workflow-secrets-configs/runtime/secrets/API_KEY',
      '/api/v1/tenants',
      '/api/v1/audit-log',
      '/api/v1/keys',
    ];
    const outcomes = await stage.attack<Statuses>('use-its-own-token', { paths });
    await stage.release(held);
    for (const [path, { saw }] of Object.entries(outcomes)) {
      expect([path, [401, 403, 404, 405]]).toEqual([path, expect.arrayContaining([saw[0]])]);
    }
  });
});
