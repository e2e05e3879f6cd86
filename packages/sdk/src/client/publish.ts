import { dataOf, type Manifest, type Workflow } from '@pegasus-workflows/contracts';
import { backoffMs, delay } from './backoff.js';
import { isPegasusApiError } from './errors.js';
import type { CallOptions } from './options.js';
import { readWorkflow } from './schemas.js';
import { isTransient, type Transport } from './transport.js';
import type { WorkflowsApi } from './workflows.js';

/** A zip, whole: its length must be known before the first byte is sent. */
export type ArtifactBytes = Blob | ArrayBuffer | Uint8Array<ArrayBuffer>;

export type PublishStage = 'upload-url' | 'upload' | 'finalize' | 'published';

export interface PublishRequest {
  manifest: Manifest;
  artifact: ArtifactBytes;
  /** Called as each stage begins, and once with `published`. */
  onProgress?: ((progress: { stage: PublishStage; sizeBytes: number }) => void) | undefined;
}

/** The three steps of a publish. Nothing is stored unless the last one succeeds. */
export async function publishWorkflow(
  workflows: WorkflowsApi,
  { manifest, artifact, onProgress }: PublishRequest,
  options: CallOptions,
): Promise<Workflow> {
  const sizeBytes = artifact instanceof Blob ? artifact.size : artifact.byteLength;
  const enter = (stage: PublishStage) => onProgress?.({ stage, sizeBytes });
  enter('upload-url');
  const { name, version } = manifest;
  const target = await workflows.requestUpload({ name, version, sizeBytes }, options);
  enter('upload');
  await workflows.upload(target.uploadUrl, artifact, options);
  enter('finalize');
  const workflow = await workflows.finalize({ workflowId: target.workflowId, manifest }, options);
  enter('published');
  return workflow;
}

/**
 * Finalize, sure of its outcome. The workflow's id is reserved for this caller alone, so a workflow of that id is the
 * effect of this very call: after an ambiguous failure (connection lost, no answer, 502..504), or a conflict that
 * follows one, its presence settles the matter. When it is absent, the call is made again: the server lets one win.
 */
export async function finalizeWorkflow(
  transport: Transport,
  workflows: WorkflowsApi,
  request: { workflowId: string; manifest: Manifest },
  options: CallOptions,
): Promise<Workflow> {
  const call = { method: 'POST', path: '/api/v1/workflows', body: request, repeatable: false } as const;
  const { maxRetries } = transport.defaultRetry;
  for (let retry = 0; ; retry++) {
    try {
      return (await transport.json(call, dataOf(readWorkflow), options)).data;
    } catch (error) {
      const afterAmbiguity = retry > 0 && isPegasusApiError(error) && error.status === 409;
      if (!isTransient(error) && !afterAmbiguity) throw error;
      const published = await findWorkflow(workflows, request.workflowId, options);
      if (published) return published;
      if (afterAmbiguity || retry >= maxRetries) throw error;
      await delay(backoffMs(retry), options.signal);
    }
  }
}

async function findWorkflow(
  workflows: WorkflowsApi,
  workflowId: string,
  options: CallOptions,
): Promise<Workflow | undefined> {
  try {
    return await workflows.get(workflowId, options);
  } catch (error) {
    if (isPegasusApiError(error) && error.status === 404) return undefined;
    throw error;
  }
}
