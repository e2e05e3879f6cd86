import { describe, expect, it } from 'vitest';
import { ActivityTable } from './activity-table.js';
import { runActivity } from './run-activity.js';

describe('the table of activities', () => {
  const call = async (table: ActivityTable, name: string) =>
    (await runActivity(async () => table.registered.default(), [], { info: { activityType: name } })).result;

  it('lets the last mock win, whatever the order of undoing (invariant 1)', async () => {
    const table = new ActivityTable({ a: () => 'real' });
    const first = table.add({ a: () => 'first' });
    const second = table.add({ a: () => 'second' });
    expect(await call(table, 'a')).toBe('second');
    first();
    expect(await call(table, 'a')).toBe('second');
    second();
    second();
    expect(await call(table, 'a')).toBe('real');
  });

  it('names an unknown activity, and what is there (invariant 2)', async () => {
    const table = new ActivityTable({ a: () => 1, b: () => 2 });
    await expect(call(table, 'c')).rejects.toMatchObject({ nonRetryable: true, type: 'UnknownActivity' });
    await expect(call(table, 'c')).rejects.toThrow('No activity c in this test; there are: a, b.');
    await expect(call(new ActivityTable({}), 'toString')).rejects.toThrow('there are: none');
  });

  it('refuses what is no function, but takes a module with constants in it', async () => {
    expect(() => new ActivityTable({ a: 1 })).toThrow('Activity a must be a function.');
    const module: object = await import('./inputs.js');
    expect(() => new ActivityTable(module)).not.toThrow();
  });
});
