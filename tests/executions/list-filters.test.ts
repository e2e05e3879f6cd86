import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { temporalWorkflowId, type Execution, type ExecutionStatus } from '@pegasus-workflows/contracts';
import { executions } from '../../packages/server/src/infra/schema.js';
import { forEachDialect } from '../server/support.js';
import { startHarness, type Harness } from './support.js';

/** The list by status and time: in SQL, page by page, with a cursor that need not pass the filters itself. */

const temporal = inject('temporal');
const MINUTE = 60_000;
const NOON = Date.parse('2026-01-01T12:00:00.000Z');
/** Minute by minute from noon. */
const STATUSES: ExecutionStatus[] = [
  ...(['COMPLETED', 'FAILED', 'COMPLETED', 'TIMED_OUT'] as const),
  ...(['FAILED', 'COMPLETED', 'CANCELLED', 'RUNNING'] as const),
];

forEachDialect('filters of the list', (open) => {
  let harness: Harness;
  let tenantId: string;
  let workflowId: string;
  /** The ids, oldest first. */
  const ids: string[] = STATUSES.map(() => randomUUID());

  beforeAll(async () => {
    harness = await startHarness(temporal, await open());
    ({ tenantId, workflowId } = await harness.publish());
    await harness.db.system((tx) =>
      tx.insert(executions).values(
        ids.map((id, i) => ({
          id,
          tenantId,
          workflowId,
          status: STATUSES[i]!,
          temporalWorkflowId: temporalWorkflowId(tenantId, 'scripted', id),
          triggerSource: 'USER' as const,
          createdAt: new Date(NOON + i * MINUTE),
        })),
      ),
    );
  });
  afterAll(() => harness?.close());

  const list = (query: string) =>
    harness.call<Execution[]>(tenantId, 'GET', `${workflowId}/executions?${query}`);
  /** Which of the rows a query answers with, by their place in time, newest first. */
  const found = async (query: string) => (await list(query)).body.data.map(({ id }) => ids.indexOf(id));
  const at = (minute: number) => encodeURIComponent(new Date(NOON + minute * MINUTE).toISOString());

  it.each([
    ['', [7, 6, 5, 4, 3, 2, 1, 0]],
    ['status=FAILED', [4, 1]],
    ['status=FAILED,TIMED_OUT,%20FAILED', [4, 3, 1]],
    ['status=QUEUED', []],
    [`since=${at(5)}`, [7, 6, 5]],
    [`until=${at(2)}`, [1, 0]],
    [`since=${at(2)}&until=${at(5)}`, [4, 3, 2]],
    [`since=${at(3)}&until=${at(3)}`, []],
    [`status=COMPLETED&since=${at(1)}&limit=1`, [5]],
    ['since=0000-01-01T00:00:00Z&until=9999-12-31T23:59:59.999Z&limit=2', [7, 6]],
  ])('?%s', async (query, expected) => {
    expect(await found(query)).toEqual(expected);
  });

  it('pages through what passes, from a cursor that does not', async () => {
    const seen: number[] = [];
    for (let before = ''; ;) {
      const page = await found(`status=FAILED,CANCELLED,TIMED_OUT&until=${at(6.5)}&limit=2${before}`);
      seen.push(...page);
      if (page.length < 2) break;
      before = `&before=${ids[page.at(-1)!]}`;
    }
    expect(seen).toEqual([6, 4, 3, 1]);
    expect(await found(`status=FAILED&before=${ids[3]}`)).toEqual([1]);
    // Its status has changed since the page was read.
    await harness.db.system((tx) => tx.update(executions).set({ status: 'COMPLETED' }));
    expect(await found(`status=COMPLETED&limit=2&before=${ids[4]}`)).toEqual([3, 2]);
  });

  it.each([
    ['status=', /^status\.0: /],
    ['status=failed', /^status\.0: /],
    ['status=FAILED,NOPE', /^status\.1: /],
    ['since=yesterday', /^since: /],
    ['since=2026-02-30T00:00:00Z', /^since: /],
    ['until=2026-01-01', /^until: /],
    [`since=${at(2)}&until=${at(1)}`, /^since: 2026-\S+ is after until: 2026-/],
  ])('refuses ?%s', async (query, sentence) => {
    const { status, body } = await list(query);
    expect({ status, code: body.code }).toEqual({ status: 400, code: 'VALIDATION_ERROR' });
    expect(body.error).toMatch(sentence);
  });
});
