import { z } from 'zod';

export const WORKFLOW_NAME_PATTERN = /^[a-z0-9][a-z0-9_-]{0,63}$/;
export const VERSION_PATTERN = /^[0-9]+\.[0-9]+\.[0-9]+(?:-[a-z0-9.-]+)?$/;

export const workflowNameSchema = z
  .string()
  .regex(
    WORKFLOW_NAME_PATTERN,
    'must be 1 to 64 lower-case letters, digits, "-" or "_", starting with a letter or digit',
  );
export const versionSchema = z
  .string()
  .regex(VERSION_PATTERN, 'must be a semantic version such as 1.4.0 or 1.5.0-rc.1 (lower case)');
export const idSchema = z.uuid();
export const timestampSchema = z.iso.datetime();

/** The Temporal workflow id of an execution. One id is one execution, for ever: starts reject duplicates. */
export function temporalWorkflowId(tenantId: string, workflowName: string, executionId: string): string {
  return `wf/${tenantId}/${workflowName}/${executionId}`;
}

/** Parses what {@link temporalWorkflowId} made; `undefined` for any other id (a child run's, a stranger's). */
export function parseTemporalWorkflowId(
  id: string,
): { tenantId: string; workflowName: string; executionId: string } | undefined {
  const [prefix, tenantId, workflowName, executionId, rest] = id.split('/');
  if (prefix !== 'wf' || !tenantId || !workflowName || !executionId || rest !== undefined) return undefined;
  if (!idSchema.safeParse(tenantId).success || !idSchema.safeParse(executionId).success) return undefined;
  return { tenantId, workflowName, executionId };
}

/**
 * The id under which Temporal knows a run that tenant code names `id`: ids of children and targets of signals are the
 * tenant's own, so two tenants' `order-1` are two runs. Executions' ids carry their tenant already.
 *
 * @returns `undefined` for the id of another tenant's execution or child, and for what only looks like one
 */
export function tenantWorkflowId(tenantId: string, id: string): string | undefined {
  if (id.startsWith(`wf/${tenantId}/`)) return id;
  if (id.startsWith('wf/') || id.startsWith(CHILD_PREFIX)) return undefined;
  return `${CHILD_PREFIX}${tenantId}/${id}`;
}

/** What {@link tenantWorkflowId} made, as tenant code named it; any other id unchanged. */
export function authoredWorkflowId(tenantId: string, id: string): string {
  const prefix = `${CHILD_PREFIX}${tenantId}/`;
  return id.startsWith(prefix) ? id.slice(prefix.length) : id;
}

const CHILD_PREFIX = 'ch/';

/**
 * The task queue of one artifact of one tenant: what pins a run to the code that started it. Dry runs have a queue of
 * their own, which their activities and child runs inherit: that is how an activity knows that its run is one.
 */
export function artifactTaskQueue(tenantId: string, artifactSha256: string, dryRun = false): string {
  return `artifact/${tenantId}/${artifactSha256}${dryRun ? DRY_RUN_SUFFIX : ''}`;
}

const DRY_RUN_SUFFIX = '/dry-run';

/** Parses what {@link artifactTaskQueue} made; `undefined` for any other queue. */
export function parseArtifactTaskQueue(
  queue: string,
): { tenantId: string; artifactSha256: string; dryRun: boolean } | undefined {
  const match = /^artifact\/([0-9a-f-]{36})\/([0-9a-f]{64})(\/dry-run)?$/.exec(queue);
  return match
    ? { tenantId: match[1]!, artifactSha256: match[2]!, dryRun: match[3] !== undefined }
    : undefined;
}
