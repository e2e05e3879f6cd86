import { createHash, randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { buffer } from 'node:stream/consumers';
import {
  ARTIFACT_PATHS,
  artifactTaskQueue,
  type ArtifactDescriptor,
  type DemandedArtifact,
} from '@pegasus-workflows/contracts';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { build } from 'esbuild';
import { ZipFile } from 'yazl';

const FIXTURE = fileURLToPath(new URL('../fixtures/basic/', import.meta.url));

export interface Artifact {
  sha256: string;
  zip: Buffer;
}

let bundles: Promise<{ workflows: string; activities: string }> | undefined;

/** The fixture's two bundles, built once per test file. */
function fixtureBundles(): Promise<{ workflows: string; activities: string }> {
  bundles ??= (async () => {
    const [{ code }, built] = await Promise.all([
      bundleWorkflowCode({ workflowsPath: `${FIXTURE}workflow.ts`, logger: new DefaultLogger('ERROR') }),
      build({
        absWorkingDir: FIXTURE,
        entryPoints: ['activities.ts'],
        bundle: true,
        write: false,
        format: 'cjs',
        platform: 'node',
        target: 'node20',
        sourcemap: 'inline',
        outfile: 'activities.cjs',
        external: ['@temporalio/activity', '@temporalio/common'],
      }),
    ]);
    return { workflows: code, activities: built.outputFiles[0]!.text };
  })();
  return bundles;
}

/** A runnable artifact of the fixture. Each call makes another one: the version is part of the bytes. */
export async function makeArtifact(
  change: { workflows?: string; activities?: string; version?: string } = {},
): Promise<Artifact> {
  const fixture = await fixtureBundles();
  const descriptor: ArtifactDescriptor = {
    format: 1,
    runtime: 'typescript',
    name: 'basic',
    version: change.version ?? `1.0.0-${randomUUID()}`,
    workflowType: 'greet',
    hasActivities: true,
    temporalSdkVersion: '1.24.0',
  };
  const zip = new ZipFile();
  zip.addBuffer(Buffer.from(JSON.stringify(descriptor)), ARTIFACT_PATHS.descriptor);
  zip.addBuffer(Buffer.from(change.workflows ?? fixture.workflows), ARTIFACT_PATHS.workflowBundle);
  zip.addBuffer(Buffer.from(change.activities ?? fixture.activities), ARTIFACT_PATHS.activityBundle);
  zip.addBuffer(Buffer.from('name = "basic"\n'), ARTIFACT_PATHS.manifest);
  zip.end();
  const bytes = await buffer(zip.outputStream);
  return { zip: bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** The artifact as the server's demand would name it. */
export function demanded(
  tenantId: string,
  artifact: Artifact,
  reason: DemandedArtifact['reason'] = 'open',
  over: Pick<Partial<DemandedArtifact>, 'workflowId' | 'requiredActions' | 'dryRun'> = {},
): DemandedArtifact {
  return {
    tenantId,
    taskQueue: artifactTaskQueue(tenantId, artifact.sha256, over.dryRun),
    artifactSha256: artifact.sha256,
    artifactSizeBytes: artifact.zip.length,
    workflowName: 'basic',
    workflowVersion: '1.0.0',
    reason,
    requiredActions: [],
    dryRun: false,
    ...over,
  };
}
