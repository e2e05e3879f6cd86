import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import {
  ARTIFACT_PATHS,
  type ArtifactDescriptor,
  artifactDescriptorSchema,
  type DiagramCheck,
  LIMITS,
  type Manifest,
} from '@pegasus-workflows/contracts';
import { checkEntryPoint } from '../code/check-entry-point.js';
import { checkDiagram, checkDiagramAgainstCode } from '../diagram/index.js';
import { moduleCandidates, normalizeDiagram, readManifest, type WorkflowSpec } from '../manifest/index.js';
import type { Problem } from '../problems/index.js';
import { compareManifests } from './match-manifest.js';
import {
  ArtifactProblems,
  artifactTooLarge,
  type ExpectedArtifact,
  type VerifiedArtifact,
} from './problems.js';
import { readZip, type ZipContents } from './read-zip.js';

/**
 * Decides whether an uploaded zip may be published as what its finalize call says. Reads it once into memory, so that
 * what was verified is what was hashed; unpacks nothing to disk and executes nothing of it.
 *
 * @param path the uploaded file
 * @throws ArtifactProblems with a sentence for each problem; `tooLarge` when its size alone refuses it
 */
export async function verifyArtifact(path: string, expected: ExpectedArtifact): Promise<VerifiedArtifact> {
  const zip = await readBounded(path);
  if (zip.length !== expected.sizeBytes)
    throw new ArtifactProblems([
      `The artifact is ${zip.length} bytes, but ${expected.sizeBytes} were announced; upload it again.`,
    ]);
  const contents = await readZip(zip);
  const { problems, descriptor, spec } = await verifyContents(contents, expected.manifest);
  if (problems.length > 0 || !spec) throw new ArtifactProblems(problems);
  return {
    executable: descriptor !== null,
    workflowType: descriptor?.workflowType ?? null,
    descriptor,
    diagramCheck: await compareDiagram(contents, spec, expected.manifest.diagram),
    sha256: createHash('sha256').update(zip).digest('hex'),
    sizeBytes: zip.length,
  };
}

async function readBounded(path: string): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size > LIMITS.artifactBytes) throw artifactTooLarge(size);
    const bytes = await file.readFile();
    // The file may have grown since.
    if (bytes.length > LIMITS.artifactBytes) throw artifactTooLarge(bytes.length);
    return bytes;
  } finally {
    await file.close();
  }
}

interface Verdict {
  problems: string[];
  descriptor: ArtifactDescriptor | null;
}

async function verifyContents(
  contents: ZipContents,
  manifest: Manifest,
): Promise<Verdict & { spec?: WorkflowSpec }> {
  const toml = contents.text(ARTIFACT_PATHS.manifest);
  if (toml === undefined)
    return {
      problems: [`The artifact has no readable ${ARTIFACT_PATHS.manifest} at its root.`],
      descriptor: null,
    };
  const read = readManifest(toml, ARTIFACT_PATHS.manifest, manifest.name);
  const [spec] = read.specs;
  if (!spec || read.problems.length > 0) {
    const missing = `${ARTIFACT_PATHS.manifest} in the artifact declares no workflow "${manifest.name}".`;
    return { problems: read.problems.length > 0 ? read.problems.map(sentence) : [missing], descriptor: null };
  }
  const { descriptor, problems } = verifyBuild(contents, spec);
  return {
    problems: [
      ...compareManifests(spec.declared, manifest),
      ...(await verifyDiagram(contents, `${spec.sourceDir}/workflow.mmd`, manifest)),
      ...(await verifyEntryPoints(contents, spec)),
      ...problems,
    ],
    descriptor,
    spec,
  };
}

function compareDiagram(contents: ZipContents, spec: WorkflowSpec, diagram: string): Promise<DiagramCheck> {
  const entryPoints = spec.entryPoints.flatMap((entry) => {
    const file = moduleCandidates(entry).find((candidate) => contents.files.has(candidate));
    return file === undefined ? [] : [{ ...entry, file }];
  });
  return checkDiagramAgainstCode(diagram, { entryPoints, read: (file) => contents.text(file) });
}

async function verifyDiagram(contents: ZipContents, file: string, manifest: Manifest): Promise<string[]> {
  if (!contents.files.has(file)) return [`The artifact has no diagram ${file}.`];
  const text = contents.text(file);
  if (text === undefined)
    return [`Diagram ${file} is not UTF-8 text of at most ${LIMITS.diagramCharacters} characters.`];
  const problems = await checkDiagram(text, file);
  if (problems.length > 0) return problems.map((problem) => `Diagram ${sentence(problem)}`);
  if (normalizeDiagram(text) === normalizeDiagram(manifest.diagram)) return [];
  return [`Manifest field "diagram" is unlike ${file} in the artifact.`];
}

async function verifyEntryPoints(contents: ZipContents, spec: WorkflowSpec): Promise<string[]> {
  const problems: string[] = [];
  for (const [index, entry] of spec.entryPoints.entries()) {
    const text = spec.declared.entryPoints[index]!;
    const file = moduleCandidates(entry).find((candidate) => contents.files.has(candidate));
    if (file === undefined) {
      problems.push(`Entry point "${text}": module ${entry.module} is not in the artifact.`);
      continue;
    }
    const wrong = await checkEntryPoint(entry, file, (name) => contents.text(name));
    if (wrong) problems.push(`Entry point "${text}": ${wrong.message}; ${wrong.fix}.`);
  }
  return problems;
}

/** The descriptor and the bundles beside it. Python artifacts have none: stored, listed and not executable. */
function verifyBuild(contents: ZipContents, spec: WorkflowSpec): Verdict {
  const { descriptor: path, workflowBundle, activityBundle } = ARTIFACT_PATHS;
  const present = contents.files.has(path);
  if (spec.runtime === 'python') {
    const problem = `The artifact's entry points are Python, but it holds ${path} of another runtime.`;
    return { problems: present ? [problem] : [], descriptor: null };
  }
  if (!present)
    return {
      problems: [`The artifact has no ${path}; build it with \`pegasus-workflows package\`.`],
      descriptor: null,
    };
  const descriptor = parseDescriptor(contents.text(path));
  if (typeof descriptor === 'string') return { problems: [`${path} ${descriptor}.`], descriptor: null };
  const problems: string[] = [];
  const workflowType = spec.entryPoints[0]!.exportName;
  const { name, version } = spec.declared;
  const expected = { name, version, workflowType };
  for (const field of ['name', 'version', 'workflowType'] as const)
    if (descriptor[field] !== expected[field])
      problems.push(`${path} has ${field} "${descriptor[field]}", but it must be "${expected[field]}".`);
  if (!contents.files.get(workflowBundle))
    problems.push(`The artifact has no workflow bundle ${workflowBundle}.`);
  const hasActivities = (contents.files.get(activityBundle) ?? 0) > 0;
  if (descriptor.hasActivities !== hasActivities)
    problems.push(
      `${path} says hasActivities ${descriptor.hasActivities}, but ${activityBundle} is ${hasActivities ? 'there' : 'missing'}.`,
    );
  return { problems, descriptor };
}

function parseDescriptor(text: string | undefined): ArtifactDescriptor | string {
  let json: unknown;
  try {
    json = JSON.parse(text ?? '');
  } catch {
    return 'is not JSON';
  }
  const parsed = artifactDescriptorSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return `is not a descriptor of format 1: ${issue!.path.join('.') || 'the document'}: ${issue!.message}`;
}

function sentence({ file, line, column, message, fix }: Problem): string {
  const position = line === undefined ? '' : `:${line}${column === undefined ? '' : `:${column}`}`;
  return `${file}${position} ${message}; ${fix}.`;
}
