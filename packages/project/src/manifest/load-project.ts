import { type Dirent, type Stats } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { ARTIFACT_PATHS, LIMITS, type Manifest } from '@pegasus-workflows/contracts';
import { type Problem, ProjectError } from '../problems/index.js';
import { normalizeDiagram } from './diagram-text.js';
import { type EntryPoint, moduleCandidates, type Runtime, typescriptCandidates } from './entry-point.js';
import { type ReadManifest, readManifest, type WorkflowSpec } from './read-manifest.js';

/** An author's project whose manifest is right and whose files are there. */
export interface Project {
  /** Absolute path of the folder of the manifest. */
  dir: string;
  manifestPath: string;
  workflows: ProjectWorkflow[];
}

export interface ProjectWorkflow {
  name: string;
  version: string;
  /** Below the project, with `/`. */
  sourceDir: string;
  runtime: Runtime;
  entryPoints: ProjectEntryPoint[];
  /** As it goes over the wire, diagram included. */
  manifest: Manifest;
  /** The file whose exports are the activities, below the project; absent when the workflow has none. */
  activitiesModule?: string;
}

export interface ProjectEntryPoint extends EntryPoint {
  /** The module's file, below the project, with `/`. */
  file: string;
  /** Where the manifest names it. */
  position: { line: number; column: number };
}

export interface LoadOptions {
  /** Load workflows whose diagram is missing or empty too; theirs is then `''`. For the tools that make diagrams. */
  withoutDiagrams?: boolean;
}

/** A manifest larger than this is not one that a person wrote. */
const MANIFEST_BYTES = 1024 * 1024;

/**
 * Reads the project in `dir`: its `pegasus-workflows.toml` and the files that it names. Does not look into the code;
 * `packageWorkflow` does.
 *
 * @throws ProjectError listing every problem, each with file, line and what to do
 */
export async function loadProject(dir: string, options: LoadOptions = {}): Promise<Project> {
  const root = path.resolve(dir);
  const manifestPath = path.join(root, ARTIFACT_PATHS.manifest);
  const read = readManifest(await readManifestText(manifestPath), ARTIFACT_PATHS.manifest);
  const problems = [...read.problems];
  const workflows: ProjectWorkflow[] = [];
  for (const spec of read.specs) {
    const workflow = await loadWorkflow(root, spec, read, problems, options);
    if (workflow) workflows.push(workflow);
  }
  if (problems.length > 0) throw new ProjectError(problems);
  return { dir: root, manifestPath, workflows };
}

async function readManifestText(manifestPath: string): Promise<string> {
  const file = ARTIFACT_PATHS.manifest;
  const folder = path.dirname(manifestPath);
  try {
    const stats = await stat(manifestPath);
    if (!stats.isFile()) throw fail(file, 'is not a file', `make ${file} a text file`);
    if (stats.size > MANIFEST_BYTES)
      throw fail(file, 'is larger than 1 MiB', 'keep only [[workflow]] tables in it');
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readFile(manifestPath));
  } catch (error) {
    if (error instanceof ProjectError) throw error;
    if (error instanceof TypeError) throw fail(file, 'is not UTF-8 text', 'save it as UTF-8', error);
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw fail(
        file,
        `does not exist in ${folder}`,
        'run this in a project, give its folder with -C, or make one with `pegasus-workflows init`',
        error,
      );
    throw fail(file, `cannot be read (${code})`, 'check its permissions', error);
  }
}

async function loadWorkflow(
  root: string,
  spec: WorkflowSpec,
  read: ReadManifest,
  problems: Problem[],
  { withoutDiagrams = false }: LoadOptions,
): Promise<ProjectWorkflow | undefined> {
  const before = problems.length;
  const report = (key: (string | number)[], message: string, fix: string): void => {
    problems.push({
      file: ARTIFACT_PATHS.manifest,
      ...read.position(['workflow', spec.index, ...key]),
      message,
      fix,
    });
  };
  const { declared, sourceDir } = spec;
  const stats = await statOrUndefined(path.join(root, sourceDir));
  if (!stats?.isDirectory()) {
    const key = sourceDir === declared.name ? 'name' : 'source_dir';
    report(
      [key],
      `source folder "${sourceDir}" ${stats ? 'is not a folder' : 'does not exist'}`,
      `create ${sourceDir}/, or set source_dir to where the code is`,
    );
    return undefined;
  }
  const entryPoints: ProjectEntryPoint[] = [];
  for (const [index, entry] of spec.entryPoints.entries()) {
    const candidates = moduleCandidates(entry);
    const file = await firstFile(root, candidates);
    const position = read.position(['workflow', spec.index, 'entry_points', index]) ?? { line: 1, column: 1 };
    if (file === undefined)
      report(
        ['entry_points', index],
        `entry point module "${entry.module}" does not exist`,
        `create ${candidates[0]}, or correct the path`,
      );
    else entryPoints.push({ ...entry, file, position });
  }
  const activitiesModule = await findActivities(root, spec, report);
  const diagram = await readDiagram(root, `${sourceDir}/workflow.mmd`, withoutDiagrams ? [] : problems);
  if (problems.length > before) return undefined;
  return {
    name: declared.name,
    version: declared.version,
    sourceDir,
    runtime: spec.runtime,
    entryPoints,
    manifest: { ...declared, diagram },
    ...(activitiesModule === undefined ? {} : { activitiesModule }),
  };
}

async function findActivities(
  root: string,
  spec: WorkflowSpec,
  report: (key: (string | number)[], message: string, fix: string) => void,
): Promise<string | undefined> {
  if (spec.runtime !== 'typescript') return undefined;
  const candidates = typescriptCandidates(spec.activities ?? `${spec.sourceDir}/activities`);
  const found = await firstFile(root, candidates);
  if (found === undefined && spec.activities !== undefined)
    report(
      ['activities'],
      `activities module "${spec.activities}" does not exist`,
      `create ${candidates[0]}, or correct the path`,
    );
  return found;
}

async function readDiagram(root: string, file: string, problems: Problem[]): Promise<string> {
  const add = (message: string, fix: string): string => {
    problems.push({ file, message, fix });
    return '';
  };
  const fix =
    'draw the workflow in Mermaid, such as "flowchart TD"; `pegasus-workflows diagram` prints a prompt for it';
  const stats = await statOrUndefined(path.join(root, file));
  if (!stats) return add('does not exist: a diagram is required to publish', fix);
  if (!stats.isFile()) return add('is not a file', fix);
  // Four bytes is the most that UTF-8 needs for one code unit, with room for a BOM and CRLF.
  if (stats.size > LIMITS.diagramCharacters * 5)
    return add(tooLong(stats.size, 'bytes'), 'draw fewer details');
  const text = normalizeDiagram(await readFile(path.join(root, file), 'utf8'));
  if (text.trim() === '') return add('is empty: a diagram is required to publish', fix);
  if (text.length > LIMITS.diagramCharacters)
    return add(tooLong(text.length, 'characters'), 'draw fewer details');
  return text;
}

function tooLong(length: number, unit: string): string {
  return `has ${length} ${unit}; the most is ${LIMITS.diagramCharacters} characters`;
}

/** The first candidate that is a file, spelled exactly so even where the file system ignores case. */
async function firstFile(root: string, candidates: readonly string[]): Promise<string | undefined> {
  for (const candidate of candidates) {
    const entries = await namesIn(path.dirname(path.join(root, candidate)));
    const entry = entries.find(({ name }) => name === path.posix.basename(candidate));
    if (entry && (await statOrUndefined(path.join(root, candidate)))?.isFile()) return candidate;
  }
  return undefined;
}

async function namesIn(dir: string): Promise<Dirent[]> {
  try {
    return await readdir(dir, { withFileTypes: true });
  } catch {
    return [];
  }
}

async function statOrUndefined(file: string): Promise<Stats | undefined> {
  try {
    return await stat(file);
  } catch {
    return undefined;
  }
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

function fail(file: string, message: string, fix: string, cause?: unknown): ProjectError {
  return new ProjectError([{ file, message, fix }], { cause });
}
