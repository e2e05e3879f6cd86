import { createHash, randomUUID } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  ARTIFACT_PATHS,
  type ArtifactDescriptor,
  type DiagramCheck,
  LIMITS,
  type Manifest,
  PegasusError,
  versionSchema,
} from '@pegasus-workflows/contracts';
import { checkEntryPoint } from '../code/check-entry-point.js';
import { checkWorkflowCode, type WorkflowCode } from '../code/check-workflow-code.js';
import type { ReadSource } from '../code/resolve-module.js';
import { sourceReader } from '../code/source-reader.js';
import type { Project, ProjectWorkflow } from '../manifest/index.js';
import { type Problem, ProjectError } from '../problems/index.js';
import { isTable, locateToml, parseToml } from '../toml/index.js';
import { collectReachedFiles, collectSourceFiles, tooLarge } from './source-files.js';
import { writeZip } from './write-zip.js';

export interface PackageOptions {
  /** Where the zip goes, relative to the project. Default `dist`. */
  outDir?: string;
  /** Package under this version instead of the manifest's; the zip's own manifest says so too. */
  version?: string;
  /** A diagram that differs from the code is a problem, not a finding. */
  strict?: boolean;
  /** Called as each step begins. */
  onProgress?: (step: PackageStep) => void;
}

export type PackageStep = 'check' | 'bundle' | 'zip';

export interface PackagedWorkflow {
  name: string;
  version: string;
  /** Absolute path. */
  zipPath: string;
  sizeBytes: number;
  /** Hex digest of the zip. */
  sha256: string;
  /** As it goes over the wire, under the version packaged. */
  manifest: Manifest;
  /** Whether the diagram shows what the code does; the server works out the same from the zip. */
  diagramCheck: DiagramCheck;
  durationMs: number;
}

/**
 * Checks and builds one workflow of a loaded project into `<outDir>/<name>-<version>.zip`. The same input gives the
 * same bytes on any machine and in any folder. The file is written whole or not at all.
 *
 * @throws ProjectError listing everything that keeps the workflow from being published
 */
export async function packageWorkflow(
  project: Project,
  workflow: ProjectWorkflow,
  options: PackageOptions = {},
): Promise<PackagedWorkflow> {
  const started = performance.now();
  const version = checkVersion(options.version ?? workflow.version);
  // The bundlers resolve links; paths that are compared with theirs must be real too.
  const root = realpathSync(project.dir);
  options.onProgress?.('check');
  const sources = await collectSourceFiles(root, workflow.sourceDir);
  const diagramProblems = checkDiagramText(workflow);
  const read = sourceReader(root);
  const code = await checkCode(workflow, read);
  const files = new Map<string, Uint8Array>(sources.map(({ file, bytes }) => [file, bytes]));
  for (const { file, bytes } of await collectReachedFiles(root, workflow.sourceDir, code.imports.keys()))
    files.set(file, bytes);
  files.set(ARTIFACT_PATHS.manifest, await manifestBytes(project, workflow, version));
  const checking = compareDiagram(workflow, files, options.strict ?? false);
  // Whoever awaits it sees the failure; another problem may come first.
  checking.catch(() => undefined);
  if (workflow.runtime === 'typescript') {
    if (code.problems.length > 0)
      throw new ProjectError([...code.problems, ...(await diagramProblems), ...(await checking).problems]);
    options.onProgress?.('bundle');
    for (const [file, bytes] of await buildBundles(root, workflow, version, code)) files.set(file, bytes);
  }
  const { check: diagramCheck, problems: differences } = await checking;
  const problems = [...code.problems, ...(await diagramProblems), ...differences];
  if (problems.length > 0) throw new ProjectError(problems);
  options.onProgress?.('zip');
  const zip = writeZip(files);
  checkSize(workflow, files, zip.length);
  const zipPath = path.resolve(project.dir, options.outDir ?? 'dist', `${workflow.name}-${version}.zip`);
  await writeAtomically(zipPath, zip);
  return {
    name: workflow.name,
    version,
    zipPath,
    sizeBytes: zip.length,
    sha256: createHash('sha256').update(zip).digest('hex'),
    manifest: { ...workflow.manifest, version, diagramCheck },
    diagramCheck,
    durationMs: Math.round(performance.now() - started),
  };
}

function checkVersion(version: string): string {
  const parsed = versionSchema.safeParse(version);
  if (parsed.success) return version;
  throw new PegasusError('VALIDATION_ERROR', `version "${version}" ${parsed.error.issues[0]!.message}.`);
}

async function checkDiagramText(workflow: ProjectWorkflow): Promise<Problem[]> {
  const { checkDiagram } = await import('../diagram/index.js');
  const problems = await checkDiagram(workflow.manifest.diagram);
  return problems.map((problem) => ({ ...problem, file: `${workflow.sourceDir}/workflow.mmd` }));
}

/** Reads files of a project as text, each once. */
export /** The verdict on what the artifact will hold; `problems` only when a difference is one. */
async function compareDiagram(
  { entryPoints, manifest, sourceDir }: ProjectWorkflow,
  files: ReadonlyMap<string, Uint8Array>,
  strict: boolean,
): Promise<{ check: DiagramCheck; problems: Problem[] }> {
  const { artifactSources, checkDiagramAgainstCode, diagramProblems } = await import('../diagram/index.js');
  const read = artifactSources(files);
  const check = await checkDiagramAgainstCode(manifest.diagram, { entryPoints, read });
  return { check, problems: strict ? diagramProblems(check, `${sourceDir}/workflow.mmd`) : [] };
}

/** What keeps the code of a workflow from being bundled, and what it imports. */
export async function checkCode(workflow: ProjectWorkflow, read: ReadSource): Promise<WorkflowCode> {
  const problems: Problem[] = [];
  for (const entry of workflow.entryPoints) {
    const wrong = await checkEntryPoint(entry, entry.file, read);
    if (wrong) problems.push({ file: ARTIFACT_PATHS.manifest, ...entry.position, ...wrong });
  }
  if (workflow.runtime !== 'typescript') return { problems, imports: new Map() };
  const entries = workflow.entryPoints.map(({ file }) => file);
  const code = checkWorkflowCode(entries, workflow.activitiesModule, read);
  return { ...code, problems: [...problems, ...code.problems] };
}

async function buildBundles(
  root: string,
  workflow: ProjectWorkflow,
  version: string,
  code: WorkflowCode,
): Promise<[string, Uint8Array][]> {
  const { bundleWorkflows, temporalSdkVersion } = await import('./workflow-bundle.js');
  const { activitiesModule } = workflow;
  const building = [bundleWorkflows(root, workflow, code)];
  if (activitiesModule !== undefined)
    building.push(
      import('./activity-bundle.js').then((module) => module.bundleActivities(root, activitiesModule)),
    );
  const settled = await Promise.allSettled(building);
  const failures = settled.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : [],
  );
  throwTogether(failures);
  const [workflows, activities] = await Promise.all(building);
  const descriptor: ArtifactDescriptor = {
    format: 1,
    runtime: 'typescript',
    name: workflow.name,
    version,
    workflowType: workflow.entryPoints[0]!.exportName,
    hasActivities: activities !== undefined,
    temporalSdkVersion,
  };
  const texts: [string, string | undefined][] = [
    [ARTIFACT_PATHS.descriptor, `${JSON.stringify(descriptor, null, 2)}\n`],
    [ARTIFACT_PATHS.workflowBundle, workflows],
    [ARTIFACT_PATHS.activityBundle, activities],
  ];
  return texts.flatMap(([file, text]) => (text === undefined ? [] : [[file, Buffer.from(text)]]));
}

/** What went wrong in both bundles is reported at once. */
function throwTogether(failures: readonly unknown[]): void {
  const unexpected = failures.find((failure) => !(failure instanceof ProjectError));
  if (unexpected !== undefined) throw unexpected;
  const expected = failures.filter((failure) => failure instanceof ProjectError);
  if (expected.length > 0) throw new ProjectError(expected.flatMap(({ details }) => details));
}

/** The manifest as it is on disk; under another version, with that one value replaced and every other byte kept. */
async function manifestBytes(
  project: Project,
  workflow: ProjectWorkflow,
  version: string,
): Promise<Uint8Array> {
  const bytes = await readFile(project.manifestPath);
  if (version === workflow.version) return bytes;
  const source = bytes.toString('utf8');
  const parsed = parseToml(source.replace(/^\uFEFF/, ''), ARTIFACT_PATHS.manifest);
  const tables = parsed.ok && Array.isArray(parsed.data['workflow']) ? parsed.data['workflow'] : [];
  const index = tables.findIndex((table) => isTable(table) && table['name'] === workflow.name);
  const entry = locateToml(source).entry(['workflow', index, 'version']);
  if (!entry)
    throw new ProjectError([
      {
        file: ARTIFACT_PATHS.manifest,
        message: `changed while "${workflow.name}" was packaged`,
        fix: 'try again',
      },
    ]);
  return Buffer.from(
    source.slice(0, entry.valueStart) + JSON.stringify(version) + source.slice(entry.valueEnd),
  );
}

function checkSize(
  workflow: ProjectWorkflow,
  files: ReadonlyMap<string, Uint8Array>,
  zipBytes: number,
): void {
  if (zipBytes <= LIMITS.artifactBytes) return;
  const sizes = [...files].map(([file, bytes]) => ({ file, size: bytes.length }));
  const size = `${(zipBytes / 1024 / 1024).toFixed(2)} MiB`;
  throw new ProjectError([tooLarge(workflow.sourceDir, sizes, `makes an artifact of ${size}`)]);
}

async function writeAtomically(file: string, bytes: Uint8Array): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const temporary = `${file}.${randomUUID()}.tmp`;
  try {
    await writeFile(temporary, bytes);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
