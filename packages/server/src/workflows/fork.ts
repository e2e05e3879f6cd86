import { randomUUID } from 'node:crypto';
import { PegasusError } from '@pegasus-workflows/contracts';
import { refuseOverStorage } from '../access/storage-quota.js';
import { type Principal, type Services } from '../infra/context.js';
import { insertWorkflow, lockArtifact, requireVisible, visibilityOf, type WorkflowRow } from './store.js';

/**
 * Copies a GLOBAL workflow into the caller's tenant, in one transaction. The artifact is content-addressed, so no byte
 * is copied. Throws NOT_FOUND when there is no such GLOBAL workflow, CONFLICT when the tenant has that name@version, or
 * the workflow is retired, and STORAGE_QUOTA_EXCEEDED.
 */
export async function forkWorkflow(
  services: Services,
  principal: Principal,
  workflowId: string,
): Promise<WorkflowRow> {
  const { tenantId, principalId } = principal;
  return services.db.tenant(tenantId, async (tx) => {
    const source = await requireVisible(tx, tenantId, workflowId);
    if (source.visibility !== 'GLOBAL') {
      throw new PegasusError('NOT_FOUND', 'There is no global workflow with this id to fork.');
    }
    if (source.retiredAt) {
      const sentence = `${source.name}@${source.version} is retired; fork another version.`;
      throw new PegasusError('CONFLICT', sentence);
    }
    await lockArtifact(tx, source.artifactSha256);
    const now = services.clock();
    const fork = await insertWorkflow(tx, {
      ...source,
      id: randomUUID(),
      tenantId,
      visibility: visibilityOf(principal),
      createdByUserId: principalId,
      forkedFromWorkflowId: source.id,
      forkedFromVersion: source.version,
      createdAt: now,
      updatedAt: now,
    });
    await refuseOverStorage(tx, tenantId);
    return fork;
  });
}
