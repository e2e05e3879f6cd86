import { PegasusError, type ErrorCode } from '@pegasus-workflows/contracts';
import { type RunnableWorkflow } from './workflow-cache.js';

/** How the start of a run may fail, whoever asks for it. */
export const START_ERRORS = [
  'WORKFLOW_MUST_FORK',
  'CONFLICT',
  'WORKFLOW_QUARANTINED',
  'WORKFLOWS_DISABLED',
  'WORKFLOW_NOT_EXECUTABLE',
  'REQUIREMENTS_MISSING',
  'CONCURRENCY_LIMIT',
  'DAILY_QUOTA_EXCEEDED',
  'RATE_LIMITED',
  'TEMPORAL_START_FAILED',
] as const satisfies readonly ErrorCode[];

/**
 * Whether a tenant can start runs of a version. Throws WORKFLOW_MUST_FORK, CONFLICT for a retired one,
 * WORKFLOW_QUARANTINED, WORKFLOWS_DISABLED, WORKFLOW_NOT_EXECUTABLE.
 */
export function refuseUnlessRunnable(
  tenantId: string,
  workflow: RunnableWorkflow,
  workflowsEnabled: boolean,
): void {
  refuseUnlessOwn(tenantId, workflow);
  refuseIfQuarantined(workflow);
  if (!workflowsEnabled) {
    throw new PegasusError(
      'WORKFLOWS_DISABLED',
      'The operator has switched the running of workflows off; try later.',
    );
  }
  if (!workflow.executable) {
    throw new PegasusError(
      'WORKFLOW_NOT_EXECUTABLE',
      'The runner has no runtime for this artifact; publish it as a TypeScript workflow.',
    );
  }
}

/** Throws WORKFLOW_QUARANTINED, with the reason and what to do. */
export function refuseIfQuarantined({
  name,
  version,
  quarantine,
}: Pick<RunnableWorkflow, 'name' | 'version' | 'quarantine'>): void {
  if (quarantine === null) return;
  throw new PegasusError(
    'WORKFLOW_QUARANTINED',
    `${name}@${version} is quarantined since ${quarantine.at}: ${quarantine.reason} Publish a version that is mended, or release this one.`,
  );
}

/** What concerns the version alone, and holds for its triggers too. Throws WORKFLOW_MUST_FORK and CONFLICT. */
export function refuseUnlessOwn(
  tenantId: string,
  workflow: Pick<RunnableWorkflow, 'tenantId' | 'name' | 'version' | 'retired'>,
): void {
  if (workflow.tenantId !== tenantId) {
    throw new PegasusError(
      'WORKFLOW_MUST_FORK',
      'This workflow is shared by the platform; fork it into your tenant, then run the fork.',
    );
  }
  if (workflow.retired) {
    throw new PegasusError(
      'CONFLICT',
      `${workflow.name}@${workflow.version} is retired and starts nothing any more; use another version.`,
    );
  }
}
