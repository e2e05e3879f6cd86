import { randomUUID } from 'node:crypto';
import {
  LIMITS,
  PegasusError,
  type FinalizeRequest,
  type Manifest,
  type UploadUrl,
  type UploadUrlRequest,
} from '@pegasus-workflows/contracts';
import { type VerifiedArtifact } from '@pegasus-workflows/project/artifact-problems';
import { failpoint, type Logger } from '@pegasus-workflows/kit';
import { StagedSizeError, type StagedArtifact } from '../infra/artifacts.js';
import { type Principal, type Services } from '../infra/context.js';
import { refuseOverStorage } from '../access/storage-quota.js';
import { signUploadUrl } from './signed-urls.js';
import {
  consumeUpload,
  findUpload,
  insertUpload,
  insertWorkflow,
  isReferenced,
  lockArtifact,
  refuseTaken,
  visibilityOf,
  workflowExists,
  type UploadRow,
  type WorkflowRow,
} from './store.js';

/**
 * Job: upload-url → PUT → finalize: a row and a content-addressed artifact, or nothing at all.
 *
 * Boundary: `project` says whether an artifact is sound; this module decides what is kept.
 *
 * Invariants
 * 1. A workflow row never refers to bytes that are not stored: bytes are stored first, in the same transaction that
 *    inserts the row, under the artifact's lock.
 * 2. Of any number of finalizes of one reservation, or of one name@version, exactly one makes a row; the others get
 *    CONFLICT.
 * 3. A failed finalize leaves no row, no stored artifact and no staged bytes. A crash leaves at most bytes nobody
 *    refers to; the sweeper removes those.
 * 4. What was verified is what is stored: both look at one checkout, which a second upload cannot change.
 * 5. `manifest.diagramCheck` is what this server found in the artifact, whatever the client claims.
 */

export interface PublishHooks {
  /** Told after a publish is committed; must not throw and is not waited for. */
  onPublished: (workflow: WorkflowRow) => void;
}

/** How long after its URL has expired a reservation can still be finalized: an upload may take its time. */
export const FINALIZE_GRACE_SECONDS = 3_600;

/** Reserves a workflow id and answers where to upload. Throws CONFLICT when name@version exists, STORAGE_QUOTA_EXCEEDED. */
export async function reserveUpload(
  services: Services,
  principal: Principal,
  request: UploadUrlRequest,
): Promise<UploadUrl> {
  const now = services.clock();
  const workflowId = randomUUID();
  const expiresAt = new Date(now.getTime() + LIMITS.uploadUrlSeconds * 1000);
  const { tenantId, principalId: createdByUserId } = principal;
  await services.db.tenant(tenantId, async (tx) => {
    await refuseTaken(tx, tenantId, request.name, request.version);
    await insertUpload(tx, { workflowId, tenantId, createdByUserId, expiresAt, createdAt: now, ...request });
    await refuseOverStorage(tx, tenantId);
  });
  // It is ready by the time the bytes are here; a server on which nobody publishes never pays for it.
  services.verifier.warmUp();
  const uploadUrl = signUploadUrl(services.settings, workflowId, request.sizeBytes, now);
  return { workflowId, uploadUrl, expiresInSeconds: LIMITS.uploadUrlSeconds };
}

/** Stores the bytes of a signed PUT in the staging area; a later PUT replaces them. */
export async function receiveUpload(
  services: Services,
  workflowId: string,
  bytes: ReadableStream<Uint8Array>,
  sizeBytes: number,
): Promise<void> {
  const reservation = await services.db.system((tx) => findUpload(tx, workflowId));
  if (!reservation) {
    throw new PegasusError(
      'CONFLICT',
      'This upload has been finalized already, or given up; ask for a new URL.',
    );
  }
  try {
    await services.artifacts.stage(workflowId, bytes, sizeBytes);
  } catch (error) {
    if (!(error instanceof StagedSizeError)) throw error;
    const got = error.more ? `more than the ${error.expected}` : `${error.received} of the ${error.expected}`;
    throw new PegasusError('VALIDATION_ERROR', `The upload held ${got} bytes announced; nothing was kept.`, {
      cause: error,
    });
  }
}

/** Verifies what was uploaded and publishes it. See the invariants above for what every outcome leaves behind. */
export async function finalizeUpload(
  services: Services,
  hooks: PublishHooks,
  principal: Principal,
  request: FinalizeRequest,
  log: Logger,
): Promise<WorkflowRow> {
  const reservation = await requireReservation(services, principal, request.workflowId);
  const { diagramCheck: _claimed, ...manifest } = request.manifest;
  refuseOtherManifest(reservation, manifest);
  const staged = await services.artifacts.checkout(reservation.workflowId);
  if (!staged) {
    throw new PegasusError('ARTIFACT_INVALID', 'Nothing has been uploaded for this workflow.', {
      problems: ['nothing has been uploaded: PUT the zip to the upload URL first'],
    });
  }
  try {
    const { sizeBytes } = reservation;
    const verified = await services.verifier.verify(staged.path, { manifest, sizeBytes });
    const checked = { ...manifest, diagramCheck: verified.diagramCheck };
    const row = await storeAndInsert(services, principal, reservation, checked, staged, verified);
    failpoint('publish.after-insert');
    await services.artifacts.unstage(reservation.workflowId);
    hooks.onPublished(row);
    log.info(
      { workflowId: row.id, name: row.name, version: row.version, sha256: row.artifactSha256 },
      'published',
    );
    return row;
  } catch (error) {
    if (isFinal(error)) await giveUp(services, principal, reservation.workflowId);
    throw error;
  } finally {
    await staged.release();
  }
}

async function requireReservation(
  services: Services,
  { tenantId }: Principal,
  workflowId: string,
): Promise<UploadRow> {
  return services.db.tenant(tenantId, async (tx) => {
    const reservation = await findUpload(tx, workflowId);
    const limit = services.clock().getTime() - FINALIZE_GRACE_SECONDS * 1000;
    if (reservation && reservation.expiresAt.getTime() > limit) return reservation;
    if (!reservation && (await workflowExists(tx, workflowId))) throw alreadyFinalized();
    throw new PegasusError(
      'NOT_FOUND',
      'There is no upload for this workflowId; ask for an upload URL first.',
    );
  });
}

function refuseOtherManifest(reservation: UploadRow, manifest: Manifest): void {
  for (const field of ['name', 'version'] as const) {
    if (manifest[field] === reservation[field]) continue;
    throw new PegasusError(
      'VALIDATION_ERROR',
      `manifest.${field}: is ${manifest[field]}, but the upload URL was made for ${reservation[field]}.`,
    );
  }
}

async function storeAndInsert(
  services: Services,
  principal: Principal,
  reservation: UploadRow,
  manifest: Manifest,
  staged: StagedArtifact,
  verified: VerifiedArtifact,
): Promise<WorkflowRow> {
  const { sha256 } = verified;
  const now = services.clock();
  let stored = false;
  try {
    return await services.db.tenant(principal.tenantId, async (tx) => {
      if (!(await consumeUpload(tx, reservation.workflowId))) throw alreadyFinalized();
      await lockArtifact(tx, sha256);
      failpoint('publish.before-store');
      stored = true;
      await services.artifacts.promote(staged, sha256);
      failpoint('publish.after-store');
      const row = await insertWorkflow(tx, {
        id: reservation.workflowId,
        tenantId: principal.tenantId,
        name: manifest.name,
        version: manifest.version,
        visibility: visibilityOf(principal),
        manifest,
        createdByUserId: principal.principalId,
        artifactSha256: sha256,
        artifactSizeBytes: verified.sizeBytes,
        executable: verified.executable,
        workflowType: verified.workflowType,
        createdAt: now,
        updatedAt: now,
      });
      // The reservation has counted until now; the quota may have been lowered since.
      await refuseOverStorage(tx, principal.tenantId);
      return row;
    });
  } catch (error) {
    // When this fails too (the database is gone, say), the sweeper does it later.
    if (stored) await removeUnreferenced(services, sha256).catch(() => false);
    throw error;
  }
}

/** Deletes a stored artifact unless a row refers to it. Answers whether it did. */
export async function removeUnreferenced(services: Services, sha256: string): Promise<boolean> {
  return services.db.system(async (tx) => {
    await lockArtifact(tx, sha256);
    if (await isReferenced(tx, sha256)) return false;
    await services.artifacts.delete(sha256);
    return true;
  });
}

/** Whether repeating the finalize could never go better, so that the reservation is of no more use. */
function isFinal(error: unknown): boolean {
  return (
    error instanceof PegasusError &&
    ['CONFLICT', 'ARTIFACT_INVALID', 'ARTIFACT_TOO_LARGE'].includes(error.code)
  );
}

async function giveUp(services: Services, { tenantId }: Principal, workflowId: string): Promise<void> {
  await services.db.tenant(tenantId, (tx) => consumeUpload(tx, workflowId));
  await services.artifacts.unstage(workflowId);
}

function alreadyFinalized(): PegasusError {
  return new PegasusError('CONFLICT', 'This upload has been finalized already.');
}
