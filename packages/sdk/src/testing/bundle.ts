import { randomUUID } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DefaultLogger, bundleWorkflowCode, type WorkflowBundleOption } from '@temporalio/worker';
import { parse } from 'smol-toml';
import { exists } from './server/cache.js';

/** Where the workflow code under test is; exactly one of the three. */
export interface WorkflowSource {
  /** A module that exports the workflows: TypeScript or JavaScript, absolute or relative to the working directory. */
  workflowsPath?: string | undefined;
  /** A bundle made before, by Temporal's bundler or by `pegasus-workflows package`. */
  workflowBundle?: WorkflowBundleOption | undefined;
  /** The folder of a `pegasus-workflows.toml`: all modules that its entry points name. */
  projectDir?: string | undefined;
}

const bundles = new Map<string, Promise<WorkflowBundleOption>>();

/** The bundle of a source. Bundling takes a second or two, so each source is bundled once per process. */
export function bundleOf(source: WorkflowSource): Promise<WorkflowBundleOption> {
  const { workflowsPath, workflowBundle, projectDir } = source;
  if ([workflowsPath, workflowBundle, projectDir].filter((given) => given !== undefined).length !== 1)
    throw new TypeError(
      'createTestHarness: give exactly one of workflowsPath, workflowBundle and projectDir.',
    );
  if (workflowBundle) return Promise.resolve(workflowBundle);
  const path = resolve(workflowsPath ?? projectDir!);
  const key = `${workflowsPath === undefined ? 'project' : 'module'} ${path}`;
  const known = bundles.get(key);
  if (known) return known;
  const made = workflowsPath === undefined ? bundleProject(path) : bundle(path);
  bundles.set(key, made);
  // A failure is not remembered: a watching test runner bundles again once the author has mended the code.
  made.catch(() => bundles.delete(key));
  return made;
}

async function bundle(workflowsPath: string): Promise<WorkflowBundleOption> {
  return bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
}

async function bundleProject(projectDir: string): Promise<WorkflowBundleOption> {
  const modules = await entryModules(projectDir);
  if (modules.length === 1) return bundle(modules[0]!);
  // The bundler finds packages from where the entry file is, so it has to be inside the project.
  const entry = join(projectDir, `.pegasus-test-${randomUUID()}.mjs`);
  try {
    await writeFile(entry, modules.map((path) => `export * from ${JSON.stringify(path)};\n`).join(''));
    return await bundle(entry);
  } finally {
    await rm(entry, { force: true });
  }
}

/** The file of an entry point's module, which is written without extension. */
async function moduleFile(path: string): Promise<string> {
  for (const extension of ['.ts', '.mts', '.tsx', '.js', '.mjs'])
    if (await exists(path + extension)) return path + extension;
  throw new Error(
    `createTestHarness: no file ${path}.ts (or .js), which an entry point of the project names.`,
  );
}

/** The modules behind `entry_points = ["demo/workflow:helloWorkflow"]`, absolute. */
async function entryModules(projectDir: string): Promise<string[]> {
  const file = join(projectDir, 'pegasus-workflows.toml');
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new Error(
      `createTestHarness: cannot read ${file}; projectDir must hold a pegasus-workflows.toml.`,
      { cause },
    );
  });
  const { workflow } = parse(text);
  const entryPoints = (Array.isArray(workflow) ? workflow : []).flatMap((table) =>
    typeof table === 'object' && 'entry_points' in table && Array.isArray(table['entry_points'])
      ? table['entry_points'].filter((entry) => typeof entry === 'string')
      : [],
  );
  if (entryPoints.length === 0)
    throw new Error(`createTestHarness: ${file} has no [[workflow]] with entry_points.`);
  const paths = new Set(entryPoints.map((entry) => resolve(projectDir, entry.split(':')[0]!)));
  return Promise.all([...paths].map(moduleFile));
}
