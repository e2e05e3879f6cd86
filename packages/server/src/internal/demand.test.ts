import { describe, expect, it } from 'vitest';
import { DemandSet, PREWARM_MS, type ArtifactInDemand } from './demand.js';

const artifact = (version: string, dryRun = false): ArtifactInDemand => ({
  tenantId: '4d1ab3a0-8b5e-4c8e-9d0a-0a0a0a0a0a0a',
  workflowId: '5e1ab3a0-8b5e-4c8e-9d0a-0a0a0a0a0a0a',
  requiredActions: ['SendSms'],
  dryRun,
  artifactSha256: version.padStart(64, '0'),
  artifactSizeBytes: 1,
  workflowName: 'demo',
  workflowVersion: version,
});
const versions = (demand: DemandSet): string[] =>
  demand.snapshot().artifacts.map(({ workflowVersion, reason }) => `${workflowVersion} ${reason}`);

describe('DemandSet', () => {
  it('1: a start shows at once and wakes who waits', async () => {
    const demand = new DemandSet(() => new Date());
    const waiting = demand.next(demand.snapshot().cursor, 60_000);
    demand.open(artifact('1'));
    expect((await waiting).artifacts).toMatchObject([{ workflowVersion: '1', reason: 'open' }]);
  });

  it('live and dry runs of one artifact are two queues, each with what its runs may do', () => {
    const demand = new DemandSet(() => new Date());
    demand.open(artifact('1'));
    demand.open(artifact('1', true));
    const { artifacts } = demand.snapshot();
    expect(artifacts.map(({ dryRun, requiredActions }) => ({ dryRun, requiredActions }))).toEqual([
      { dryRun: false, requiredActions: ['SendSms'] },
      { dryRun: true, requiredActions: ['SendSms'] },
    ]);
    expect(artifacts[1]!.taskQueue).toBe(`${artifacts[0]!.taskQueue}/dry-run`);
  });

  it('2: a pass removes what it did not find, but nothing that came after it began', () => {
    const demand = new DemandSet(() => new Date());
    demand.open(artifact('1'));
    const begunAt = demand.beginPass();
    demand.open(artifact('2'));
    demand.endPass(begunAt, [artifact('3')]);
    expect(versions(demand)).toEqual(['2 open', '3 open']);
  });

  it('2: a started again while a pass looked stays, and the pass after takes it', () => {
    const demand = new DemandSet(() => new Date());
    demand.open(artifact('1'));
    const begunAt = demand.beginPass();
    demand.open(artifact('1'));
    demand.endPass(begunAt, []);
    expect(versions(demand)).toEqual(['1 open']);
    demand.endPass(demand.beginPass(), []);
    expect(versions(demand)).toEqual([]);
  });

  it('prewarms for two minutes', () => {
    let now = 0;
    const demand = new DemandSet(() => new Date(now));
    demand.prewarm(artifact('1'));
    demand.endPass(demand.beginPass(), []);
    expect(versions(demand)).toEqual(['1 prewarm']);
    now = PREWARM_MS;
    demand.endPass(demand.beginPass(), []);
    expect(versions(demand)).toEqual([]);
  });

  it('3: the cursor stays while nothing changes, and means nothing to another process', async () => {
    const demand = new DemandSet(() => new Date());
    demand.open(artifact('1'));
    const { cursor } = demand.snapshot();
    demand.open(artifact('1'));
    demand.endPass(demand.beginPass(), [artifact('1')]);
    expect(demand.snapshot().cursor).toBe(cursor);
    const restarted = new DemandSet(() => new Date());
    restarted.open(artifact('1'));
    expect((await restarted.next(cursor, 60_000)).cursor).not.toBe(cursor);
  });
});
