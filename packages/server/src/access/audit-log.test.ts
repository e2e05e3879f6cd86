import { randomUUID } from 'node:crypto';
import { createLogger } from '@pegasus-workflows/kit';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { actAs } from '../infra/actor.js';
import { type Refusal } from '../infra/context.js';
import { openDatabase, type Database } from '../infra/database.js';
import { auditLog } from '../infra/schema.js';
import { AuditLog } from './audit-log.js';

/** Longer than the test takes: what is written is written by `flush`. */
const foldMs = 3_600_000;

describe('the audit log', () => {
  let db: Database;
  let audit: AuditLog;
  const logger = createLogger('test');
  const clock = () => new Date('2026-01-01T00:00:00.000Z');

  beforeAll(async () => {
    db = await openDatabase({ pgliteDir: 'memory://' }, logger);
  }, 120_000);
  afterAll(() => db.close());
  beforeEach(() => {
    audit = new AuditLog({ db, logger, clock, foldMs });
  });

  const refusal = (over: Partial<Refusal> = {}): Refusal => ({
    tenantId: null,
    actorKind: 'ANONYMOUS',
    principalId: null,
    keyId: null,
    executionId: null,
    action: null,
    code: 'UNAUTHENTICATED',
    method: 'GET',
    route: '/api/v1/workflows',
    ip: '192.0.2.1',
    correlationId: 'c',
    ...over,
  });
  const known = (over: Partial<Refusal> = {}) =>
    refusal({
      tenantId: randomUUID(),
      actorKind: 'KEY',
      principalId: randomUUID(),
      code: 'FORBIDDEN',
      ...over,
    });
  /** What was written since the last call. */
  let seen = 0;
  const written = async () => {
    const rows = await db.system((tx) => tx.select().from(auditLog).orderBy(auditLog.seq));
    const fresh = rows.slice(seen);
    seen = rows.length;
    return fresh;
  };
  const total = (rows: { count: number }[]) => rows.reduce((sum, { count }) => sum + count, 0);

  it('makes one row of alike refusals, with their count (invariant 2)', async () => {
    const one = known();
    for (let i = 0; i < 50; i++) audit.refused({ ...one, correlationId: `c${i}` });
    audit.refused({ ...one, code: 'UNAUTHENTICATED' });
    await audit.flush();
    expect(await written()).toEqual([
      expect.objectContaining({ ...one, correlationId: 'c0', count: 50, outcome: 'REFUSED', at: clock() }),
      expect.objectContaining({ code: 'UNAUTHENTICATED', count: 1 }),
    ]);
    await audit.flush();
    expect(await written()).toEqual([]);
  });

  it('writes few rows of a flood of strangers, and those who are known all the same (invariants 2, 3)', async () => {
    for (let i = 0; i < 5_000; i++) audit.refused(refusal({ ip: `192.0.2.${i}` }));
    const one = known();
    audit.refused(one);
    await audit.flush();
    const rows = await written();
    expect(rows.length).toBeLessThan(300);
    expect(total(rows)).toBe(5_001);
    expect(rows).toContainEqual(expect.objectContaining({ principalId: one.principalId }));
  });

  it('folds a flood of one tenant’s callers into one row of that tenant (invariant 2)', async () => {
    const tenantId = randomUUID();
    for (let i = 0; i < 3_000; i++) audit.refused(known({ tenantId }));
    await audit.flush();
    const rows = await written();
    expect(rows.length).toBe(1_001);
    expect(total(rows)).toBe(3_000);
    expect(rows.every((row) => row.tenantId === tenantId)).toBe(true);
  });

  it('keeps what could not be written for the next time (invariant 3)', async () => {
    let isDown = true;
    const flaky: Database = {
      ...db,
      system: (work) => (isDown ? Promise.reject(new Error('gone')) : db.system(work)),
    };
    audit = new AuditLog({ db: flaky, logger, clock, foldMs });
    const one = known();
    audit.refused(one);
    await audit.flush();
    audit.refused(one);
    isDown = false;
    await audit.close();
    expect(await written()).toEqual([expect.objectContaining({ principalId: one.principalId, count: 2 })]);
  });

  it('has an act, and who asked for it, before it is done (invariant 1)', async () => {
    const tenantId = randomUUID();
    const actor = {
      kind: 'KEY',
      principalId: randomUUID(),
      keyId: randomUUID(),
      executionId: null,
      action: 'CancelWorkflowExecution',
      method: 'POST',
      route: '/api/v1/workflows/:id/executions/:eid/cancel',
      ip: '192.0.2.7',
      correlationId: 'c',
    } as const;
    const { kind: actorKind, ...rest } = actor;
    const act = { tenantId, operation: 'cancel', objectKind: 'executions', objectId: randomUUID() };
    await actAs(actor, () => audit.recordAct(act));
    expect(await written()).toEqual([
      expect.objectContaining({ ...act, ...rest, actorKind, outcome: 'ASKED' }),
    ]);
  });

  it('lets neither role change or take back what is written', async () => {
    const tenantId = randomUUID();
    const act = { tenantId, operation: 'retry', objectKind: null, objectId: null };
    await audit.recordAct(act);
    for (const text of [
      "update audit_log set operation = 'x'",
      'delete from audit_log',
      'truncate audit_log',
    ]) {
      const run = (tx: Parameters<Parameters<Database['system']>[0]>[0]) => tx.execute(sql.raw(text));
      await expect(db.system(run)).rejects.toMatchObject({ cause: { code: '42501' } });
      await expect(db.tenant(tenantId, run)).rejects.toMatchObject({ cause: { code: '42501' } });
    }
    expect(await written()).toEqual([expect.objectContaining({ operation: 'retry', actorKind: 'SYSTEM' })]);
  });
});
