import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ArtifactVerifier } from '../../packages/server/src/index.js';
import { eventually } from '../support/wait.js';
import { artifact, withEntry, type Artifact } from './artifacts.js';

/** Artifacts are verified in a thread of their own, within bounds. */

let dir: string;
const verifiers: ArtifactVerifier[] = [];
beforeAll(async () => void (dir = await mkdtemp(join(tmpdir(), 'pegasus-verifier-'))));
afterAll(async () => {
  for (const verifier of verifiers) await verifier.close();
  await rm(dir, { recursive: true, force: true });
});

function verifierWith(limits?: ConstructorParameters<typeof ArtifactVerifier>[0]): ArtifactVerifier {
  const verifier = new ArtifactVerifier(limits);
  verifiers.push(verifier);
  return verifier;
}
let serial = 0;
async function verify(verifier: ArtifactVerifier, { manifest, zip }: Artifact) {
  const path = join(dir, `${++serial}.zip`);
  await writeFile(path, zip);
  return verifier.verify(path, { manifest, sizeBytes: zip.length });
}
const unsound = () => artifact('demo', '1.0.0', withEntry('demo/workflow.ts', undefined));

it('1: tells sound from unsound, one after the other, as if it were no thread', async () => {
  const verifier = verifierWith();
  verifier.warmUp();
  const sound = {
    executable: true,
    workflowType: 'demoWorkflow',
    diagramCheck: { verdict: expect.any(String) },
  };
  const all = await Promise.allSettled(
    [artifact(), unsound(), artifact()].map((each) => verify(verifier, each)),
  );
  expect(all).toMatchObject([
    { status: 'fulfilled', value: sound },
    {
      status: 'rejected',
      reason: {
        name: 'ArtifactProblems',
        code: 'ARTIFACT_INVALID',
        problems: [expect.stringContaining('demo/workflow')],
      },
    },
    { status: 'fulfilled', value: sound },
  ]);
});

it('2: refuses what takes too long or too much memory', async () => {
  const hasty = verifierWith({ timeoutMs: 1 });
  await expect(verify(hasty, artifact())).rejects.toMatchObject({
    code: 'ARTIFACT_INVALID',
    problems: [expect.stringMatching(/takes more than 0.001 seconds; make its files/)],
  });
  // Too little even for what the thread itself loads.
  const small = verifierWith({ memoryMb: 16 });
  await expect(verify(small, artifact())).rejects.toMatchObject({
    code: 'ARTIFACT_INVALID',
    problems: [expect.stringContaining('16 MiB of memory')],
  });
});

it('3: a thread that is gone is replaced', async () => {
  const verifier = verifierWith();
  await verify(verifier, artifact());
  await verifier.close();
  expect(await verify(verifier, artifact())).toMatchObject({ executable: true });
});

it('5: a thread that nobody needs is ended, and started again for the next artifact', async () => {
  const verifier = verifierWith({ idleMs: 50 });
  expect(await verify(verifier, artifact())).toMatchObject({ executable: true });
  expect(verifier.isWarm).toBe(true);
  await eventually(() => expect(verifier.isWarm).toBe(false));
  expect(await verify(verifier, artifact())).toMatchObject({ executable: true });
});
