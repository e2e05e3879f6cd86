import { fileURLToPath } from 'node:url';
import {
  createTestHarness,
  manualInput,
  runActivity,
  scheduleInput,
  testInput,
  type TestHarness,
} from 'pegasus-workflows-sdk/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as activities from '../__name__/activities/index.js';
import { renewed } from '../__name__/activities/records.js';
import { __camelName__Workflow, processPages, progressQuery } from '../__name__/workflow.js';

let harness: TestHarness;

beforeAll(async () => {
  const workflowsPath = fileURLToPath(new URL('../__name__/workflow.ts', import.meta.url));
  harness = await createTestHarness({ workflowsPath, activities, logLevel: 'ERROR' });
}, 300_000);
afterAll(() => harness?.close());

/** A list of `pages` full pages; a page's cursor is its number. */
function pagesOf(count: number) {
  const seen: string[] = [];
  const restore = harness.mockActivities({
    processPage: async ({ after, size }: activities.Page): Promise<activities.PageResult> => {
      const page = Number(after ?? 0) + 1;
      seen.push(String(page));
      return { processed: size, next: page < count ? String(page) : null };
    },
  });
  return { seen, restore };
}

describe('__name__', () => {
  it('works through all that is due, as of when it was due', async () => {
    const scheduledAt = '2026-01-02T03:00:00Z';
    const result = await harness.run(__camelName__Workflow, scheduleInput('0 3 * * *', { scheduledAt }));
    expect(result).toEqual({ skipped: false, pages: 5, processed: 230 });
    expect([...renewed].filter((key) => key.startsWith(scheduledAt))).toHaveLength(230);
  });

  it('goes on in a fresh run when the list is long, and loses no page', async () => {
    const { seen, restore } = pagesOf(230);
    expect(await harness.run(__camelName__Workflow, testInput())).toEqual({
      skipped: false,
      pages: 230,
      processed: 230 * 50,
    });
    restore();
    expect(seen).toEqual(Array.from({ length: 230 }, (_, page) => String(page + 1)));
  });

  it('skips the night while the one before is at work', async () => {
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    let began = (): void => undefined;
    const begun = new Promise<void>((resolve) => (began = resolve));
    const restore = harness.mockActivities({
      processPage: async (): Promise<activities.PageResult> => {
        began();
        await finished;
        return { processed: 1, next: null };
      },
    });
    const first = await harness.start(__camelName__Workflow, manualInput());
    await begun;
    expect(await harness.client.getHandle('test/pages').query(progressQuery)).toMatchObject({ pages: 0 });
    expect(await harness.run(__camelName__Workflow, manualInput())).toEqual({ skipped: true });
    finish();
    expect(await first.result()).toEqual({ skipped: false, pages: 1, processed: 1 });
    restore();
  });

  it('tries a page again that failed', async () => {
    let attempts = 0;
    const restore = harness.mockActivities({
      processPage: async (): Promise<activities.PageResult> => {
        attempts += 1;
        if (attempts < 3) throw new Error('the database is away');
        return { processed: 7, next: null };
      },
    });
    expect(await harness.run(processPages, '2026-01-02T03:00:00Z')).toMatchObject({ processed: 7 });
    restore();
  });
});

describe('processPage', () => {
  const page = (asOf: string): [activities.Page] => [{ asOf, after: null, size: 10 }];

  it('tells how far it came, and goes on there', async () => {
    const { result, heartbeats } = await runActivity(activities.processPage, page('2026-02-01T03:00:00Z'), {
      info: { heartbeatDetails: 7 },
    });
    expect(heartbeats).toEqual([8, 9, 10]);
    expect(result).toEqual({ processed: 10, next: 'record-0010' });
  });

  it('stops when the run is cancelled', async () => {
    const asOf = '2026-02-02T03:00:00Z';
    await expect(
      runActivity(activities.processPage, page(asOf), { cancelAfterHeartbeats: 3 }),
    ).rejects.toThrow();
    expect([...renewed].filter((key) => key.startsWith(asOf))).toHaveLength(3);
  });
});
