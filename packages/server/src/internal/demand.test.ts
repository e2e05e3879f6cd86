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

  it('3: a suspended artifact is in no answer, live or dry, until it is resumed', async () => {
    const demand = new DemandSet(() => new Date());
    demand.open(artifact('1'));
    demand.open(artifact('1', true));
    demand.open(artifact('2'));
    const waiting = demand.next(demand.snapshot().cursor, 60_000);
    const { tenantId, artifactSha256 } = artifact('1');
    demand.suspend(tenantId, artifactSha256);
    await waiting;
    expect(versions(demand)).toEqual(['2 open']);
    demand.open(artifact('1'));
    expect(versions(demand)).toEqual(['2 open']);
    demand.resume(tenantId, artifactSha256);
    expect(versions(demand)).toEqual(['1 open', '1 open', '2 open']);
  });

  it('3: a pass suspends what it found and resumes the rest, but for what was said since it began', () => {
    const demand = new DemandSet(() => new Date());
    for (const version of ['1', '2', '3', '4']) demand.open(artifact(version));
    const idOf = (version: string) => artifact(version);
    demand.suspend(idOf('1').tenantId, idOf('1').artifactSha256);
    const begunAt = demand.beginPass();
    demand.suspend(idOf('2').tenantId, idOf('2').artifactSha256);
    demand.resume(idOf('3').tenantId, idOf('3').artifactSha256);
    demand.suspendOnly(begunAt, [idOf('3'), idOf('4')]);
    expect(versions(demand)).toEqual(['1 open', '3 open']);
    demand.suspendOnly(demand.beginPass(), []);
    expect(versions(demand)).toEqual(['1 open', '2 open', '3 open', '4 open']);
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
