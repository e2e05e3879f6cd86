import { PegasusError, type ErrorCode } from '@pegasus-workflows/contracts';
import { type RunnableWorkflow } from './workflow-cache.js';

/** How the start of a run may fail, whoever asks for it. */
export const START_ERRORS = [
  'WORKFLOW_MUST_FORK',
  'CONFLICT',
  'WORKFLOWS_DISABLED',
  'WORKFLOW_NOT_EXECUTABLE',
  'REQUIREMENTS_MISSING',
  'CONCURRENCY_LIMIT',
  'DAILY_QUOTA_EXCEEDED',
  'TEMPORAL_START_FAILED',
] as const satisfies readonly ErrorCode[];

/**
 * Whether a tenant can start runs of a version. Throws WORKFLOW_MUST_FORK, CONFLICT for a retired one,
 * WORKFLOWS_DISABLED, WORKFLOW_NOT_EXECUTABLE.
 */
export function refuseUnlessRunnable(
  tenantId: string,
  workflow: RunnableWorkflow,
  workflowsEnabled: boolean,
): void {
  refuseUnlessOwn(tenantId, workflow);
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
