/** What every user of the package needs, and is light. The parts that load compilers are imported when they are called. */
import type { DiagramCheck } from '@pegasus-workflows/contracts';
import type { DiagramCode } from './diagram/index.js';
import type { PackagedWorkflow, PackageOptions } from './package/index.js';
import type { Project, ProjectWorkflow } from './manifest/index.js';
import type { Problem } from './problems/index.js';
import type { ExpectedArtifact, VerifiedArtifact } from './verify/index.js';

export { formatProblem, ProjectError, type Problem } from './problems/index.js';
export { loadProject, type Project, type ProjectEntryPoint, type ProjectWorkflow } from './manifest/index.js';
export {
  envFromUrl,
  findDeployment,
  readLedger,
  recordDeployment,
  type Deployment,
  type LedgerEntry,
} from './ledger/index.js';
export type { DiagramCode } from './diagram/index.js';
export type { PackagedWorkflow, PackageOptions, PackageStep } from './package/index.js';
export { ArtifactProblems, type ExpectedArtifact, type VerifiedArtifact } from './verify/problems.js';

/** See `packageWorkflow` of `@pegasus-workflows/project/package`. */
export async function packageWorkflow(
  project: Project,
  workflow: ProjectWorkflow,
  options?: PackageOptions,
): Promise<PackagedWorkflow> {
  const module = await import('./package/index.js');
  return module.packageWorkflow(project, workflow, options);
}

/** See `verifyArtifact` of `@pegasus-workflows/project/verify`. */
export async function verifyArtifact(path: string, expected: ExpectedArtifact): Promise<VerifiedArtifact> {
  const module = await import('./verify/index.js');
  return module.verifyArtifact(path, expected);
}

/** See `checkDiagram` of `@pegasus-workflows/project/diagram`. */
export async function checkDiagram(text: string, file?: string): Promise<Problem[]> {
  const module = await import('./diagram/index.js');
  return module.checkDiagram(text, file);
}

/** See `checkDiagramAgainstCode` of `@pegasus-workflows/project/diagram`. */
export async function checkDiagramAgainstCode(diagram: string, code: DiagramCode): Promise<DiagramCheck> {
  const module = await import('./diagram/index.js');
  return module.checkDiagramAgainstCode(diagram, code);
}
