import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PegasusClient } from './index.js';
import {
  executionRow,
  json,
  localServer,
  uuid,
  type Answer,
  type LocalServer,
} from './testing-support/local-server.js';

const AT = '2026-01-01T00:00:00.000Z';
const trigger = {
  id: uuid(2),
  tenantId: uuid(3),
  workflowId: uuid(1),
  kind: 'SCHEDULE',
  eventType: null,
  filter: null,
  cronExpression: '0 6 * * *',
  enabled: true,
  createdByUserId: null,
  createdAt: AT,
  updatedAt: AT,
  nextTimes: [AT],
  paused: false,
  lastTick: { scheduledAt: AT, outcome: 'STARTED', executionId: uuid(4) },
};
const ALL = `/api/v1/workflows/${uuid(1)}/triggers`;
const ONE = `${ALL}/${uuid(2)}`;

describe('triggers', () => {
  let server: LocalServer;
  let client: PegasusClient;
  beforeEach(async () => {
    server = await localServer();
    client = new PegasusClient({ baseUrl: server.url, token: 'vnd_secret' });
  });
  afterEach(() => server.close());

  const one = (data: object, status = 200): Answer => json(status, { data });
  const many = (...rows: object[]): Answer => json(200, { data: rows, meta: { count: rows.length } });
  const asked = () => server.requests.map(({ method, url, body }) => `${method} ${url} ${body}`.trim());

  it('are made, read, changed and deleted as the contract says', async () => {
    server.answer(
      many({ ...trigger, tomorrow: 1 }),
      one(trigger),
      one(trigger, 201),
      one(trigger),
      (_, answer) => void answer.writeHead(204).end(),
    );
    expect(await client.triggers.list(uuid(1))).toEqual([trigger]);
    expect(await client.triggers.get(uuid(1), uuid(2))).toEqual(trigger);
    await client.triggers.create(uuid(1), { kind: 'SCHEDULE', cronExpression: '0 6 * * *' });
    await client.triggers.update(uuid(1), uuid(2), { enabled: false });
    await client.triggers.delete(uuid(1), uuid(2));
    expect(asked()).toEqual([
      `GET ${ALL}`,
      `GET ${ONE}`,
      `POST ${ALL} {"kind":"SCHEDULE","cronExpression":"0 6 * * *"}`,
      `PATCH ${ONE} {"enabled":false}`,
      `DELETE ${ONE}`,
    ]);
  });

  it('are paused, resumed, run, backfilled and taken over', async () => {
    server.answer(
      one(trigger),
      one(trigger),
      one(executionRow(), 201),
      one({ ticks: 2, executionIds: [uuid(5)] }, 202),
      many(trigger),
      many(),
    );
    await client.triggers.pause(uuid(1), uuid(2), { note: 'holiday' });
    await client.triggers.resume(uuid(1), uuid(2));
    expect(await client.triggers.run(uuid(1), uuid(2))).toEqual(executionRow());
    expect(await client.triggers.backfill(uuid(1), uuid(2), { from: AT, to: AT })).toEqual({
      ticks: 2,
      executionIds: [uuid(5)],
    });
    expect(await client.triggers.takeOver(uuid(1))).toEqual([trigger]);
    expect(await client.triggers.takeOver(uuid(1), { fromWorkflowId: uuid(6) })).toEqual([]);
    expect(asked()).toEqual([
      `POST ${ONE}/pause {"note":"holiday"}`,
      `POST ${ONE}/resume {}`,
      `POST ${ONE}/run`,
      `POST ${ONE}/backfill {"from":"${AT}","to":"${AT}"}`,
      `POST ${ALL}/take-over {}`,
      `POST ${ALL}/take-over {"fromWorkflowId":"${uuid(6)}"}`,
    ]);
  });

  it('start a run now no more than once', async () => {
    server.answer(json(503, { error: 'Later.', code: 'SERVICE_UNAVAILABLE' }));
    await expect(client.triggers.run(uuid(1), uuid(2))).rejects.toMatchObject({ status: 503 });
    expect(server.requests).toHaveLength(1);
  });
});
