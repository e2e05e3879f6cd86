// The thread behind src/infra/artifact-verifier.ts: verifies one artifact at a time and says what it found.
import { parentPort } from 'node:worker_threads';
import { warmUpDiagrams } from '@pegasus-workflows/project/diagram';
import { ArtifactProblems, verifyArtifact } from '@pegasus-workflows/project/verify';

/** @param {unknown} error An error loses its class on the way; what is needed of it is sent by name. */
function told(error) {
  if (error instanceof ArtifactProblems) return { problems: error.problems, tooLarge: error.tooLarge };
  return { failure: error instanceof Error ? error.message : String(error) };
}

parentPort.on('message', async ({ id, path, expected }) => {
  try {
    parentPort.postMessage({ id, verified: await verifyArtifact(path, expected) });
  } catch (error) {
    parentPort.postMessage({ id, ...told(error) });
  }
});
parentPort.postMessage({ ready: true });
// The first artifact then need not wait for it; when it fails, that artifact tells.
warmUpDiagrams().catch(() => undefined);
