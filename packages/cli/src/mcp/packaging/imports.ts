import { realpathSync } from 'node:fs';
import { ProjectError, type Problem, type ProjectWorkflow } from '@pegasus-workflows/project';
import { build, type BuildFailure, type Plugin } from 'esbuild';
import { isWithin } from '../../files/is-within.js';

/**
 * Checks that no file a workflow imports by its path lies outside the project, links resolved; such a file is not
 * read. Packages are not looked into: Node finds those where they are installed. What else may be wrong with the code
 * is for packaging to say.
 *
 * @throws ProjectError naming each import that leads outside
 */
export async function confineImports(folder: string, workflow: ProjectWorkflow): Promise<void> {
  if (workflow.runtime !== 'typescript') return;
  const { entryPoints, activitiesModule } = workflow;
  const modules = [...entryPoints.map(({ file }) => file), ...(activitiesModule ? [activitiesModule] : [])];
  const outside = new Set<string>();
  try {
    await build({
      absWorkingDir: folder,
      entryPoints: [...new Set(modules)],
      outdir: folder,
      write: false,
      bundle: true,
      platform: 'node',
      format: 'esm',
      packages: 'external',
      logLevel: 'silent',
      tsconfigRaw: {},
      plugins: [refuseOutside(realpathSync(folder), outside)],
    });
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    const problems = error.errors
      .filter(({ text }) => outside.has(text))
      .map(({ text, location }): Problem => ({
        file: location?.file ?? workflow.sourceDir,
        ...(location ? { line: location.line, column: location.column + 1 } : {}),
        message: text,
        fix: 'move the file into the project, or make it an npm package',
      }));
    if (problems.length > 0) throw new ProjectError(problems);
  }
}

function refuseOutside(root: string, outside: Set<string>): Plugin {
  return {
    name: 'pegasus-refuse-outside',
    setup({ onResolve, resolve }) {
      onResolve({ filter: /^(?:\.{0,2}[\\/]|\.{1,2}$|file:|[A-Za-z]:)/ }, async (args) => {
        if (args.kind === 'entry-point' || args.pluginData === root) return undefined;
        const { path: found, errors } = await resolve(args.path, {
          kind: args.kind,
          importer: args.importer,
          resolveDir: args.resolveDir,
          pluginData: root,
        });
        if (errors.length > 0 || isWithin(root, found)) return undefined;
        const text = `imports "${args.path}", which lies outside the project`;
        outside.add(text);
        return { errors: [{ text }] };
      });
    },
  };
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors);
}
