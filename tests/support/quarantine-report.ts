import { randomUUID } from 'node:crypto';
import { type QuarantineReport, type Workflow } from '@pegasus-workflows/contracts';

/** What a supervisor reports of a version whose worker has crashed too often. */
export function quarantineReportOf(
  { tenantId, artifactSha256 }: Pick<Workflow, 'tenantId' | 'artifactSha256'>,
  over: Partial<QuarantineReport> = {},
): QuarantineReport {
  return {
    reportId: randomUUID(),
    tenantId,
    artifactSha256,
    cause: 'CRASHED',
    crashes: 5,
    windowSeconds: 600,
    exitCode: null,
    signal: 'SIGSEGV',
    ...over,
  };
}
