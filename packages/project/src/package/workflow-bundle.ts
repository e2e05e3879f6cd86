/**
 * The workflow bundle: Temporal's own bundler over the entry points, made independent of the folder and the machine.
 *
 * Module ids are numbers in import order and the source map's paths are relative to the project, so nothing in the
 * bytes tells where it was built. The bundler is imported by its file and not through `@temporalio/worker`, whose
 * index loads the native core: 0.3 s that packaging does not need.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import {
  type BundleOptions,
  disallowedModules,
  moduleMatches,
  WorkflowCodeBundler,
} from '@temporalio/worker/lib/workflow/bundler.js';
import type { Compiler, Configuration, WebpackError } from 'webpack';
import type { WorkflowCode } from '../code/check-workflow-code.js';
import type { ProjectWorkflow } from '../manifest/index.js';
import { type Problem, ProjectError } from '../problems/index.js';
import { packageOf, PortablePaths, SYNTHETIC } from './portable-path.js';
import { joinSourceMap, splitSourceMap } from './source-map.js';

const require = createRequire(import.meta.url);

/** Version of `@temporalio/worker` whose bundler this is. */
export const temporalSdkVersion: string = (require('@temporalio/worker/package.json') as { version: string })
  .version;

/** Nothing is logged: problems are thrown, and a build that went well has nothing to say. */
const SILENT: NonNullable<BundleOptions['logger']> = {
  log: () => undefined,
  trace: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/**
 * Bundles the entry-point modules whole, so that child workflows defined in them are workflow types too.
 *
 * @param code the project files that were checked, to find the line of an import the bundler refuses
 * @param interceptors files of interceptor modules of ours to bundle beside the author's code; none in an artifact
 * @throws ProjectError with the chain of imports that leads to what cannot be bundled
 */
export async function bundleWorkflows(
  projectDir: string,
  workflow: ProjectWorkflow,
  code: WorkflowCode,
  interceptors: readonly string[] = [],
): Promise<string> {
  const trail = new ImportTrail(projectDir, code);
  const bundler = new EntryPointBundler(projectDir, workflow, trail, interceptors);
  let bundle: string;
  try {
    bundle = (await bundler.createBundle()).code;
  } catch (error) {
    const problems = trail.problems();
    if (problems.length === 0) throw error;
    throw new ProjectError(problems, { cause: error });
  }
  const { code: text, map } = splitSourceMap(bundle);
  return joinSourceMap(text, map, new PortablePaths(projectDir));
}

class EntryPointBundler extends WorkflowCodeBundler {
  constructor(
    private readonly projectDir: string,
    private readonly workflow: ProjectWorkflow,
    trail: ImportTrail,
    interceptors: readonly string[],
  ) {
    super({
      workflowsPath: path.join(projectDir, `pegasus-${SYNTHETIC}.js`),
      logger: SILENT,
      workflowInterceptorModules: [...interceptors],
      webpackConfigHook: (config) => portableConfig(config, projectDir, trail),
    });
  }

  protected override makeEntrypointPath(): string {
    return path.join(this.projectDir, `temporal-${SYNTHETIC}.cjs`);
  }

  /**
   * Writes our module of re-exports, in memory, beside the one Temporal's bundler makes. That one names ours by its
   * absolute path, whose length would show in the source map's columns: it gets the relative one.
   */
  protected override genEntrypoint(...args: Parameters<WorkflowCodeBundler['genEntrypoint']>): void {
    super.genEntrypoint(...args);
    const [volume, target] = args;
    const entry = String(volume.readFileSync(target, 'utf8'));
    const relative = JSON.stringify(`./${path.basename(this.workflowsPath)}`);
    volume.writeFileSync(target, entry.replace(JSON.stringify(this.workflowsPath), relative));
    volume.writeFileSync(this.workflowsPath, reExports(this.workflow));
  }
}

/** A name that two modules export is ambiguous under `export *` and would vanish: the entry points are named too. */
function reExports({ entryPoints }: ProjectWorkflow): string {
  const files = [...new Set(entryPoints.map(({ file }) => file))];
  const stars = files.map((file) => `export * from ${JSON.stringify(`./${file}`)};`);
  const named = entryPoints.map(
    ({ exportName, file }) => `export { ${exportName} } from ${JSON.stringify(`./${file}`)};`,
  );
  return [...stars, ...named, ''].join('\n');
}

function portableConfig(config: Configuration, projectDir: string, trail: ImportTrail): Configuration {
  const rules = config.module?.rules ?? [];
  return {
    ...config,
    // Not the current directory: webpack would look for a browserslist there and build for what it says.
    context: projectDir,
    target: 'web',
    cache: false,
    // Numbers in import order, not paths.
    optimization: { ...config.optimization, moduleIds: 'natural', chunkIds: 'natural' },
    output: { ...config.output, pathinfo: false, filename: 'workflow-bundle.js' },
    resolve: { ...config.resolve, modules: [...(config.resolve?.modules ?? []), ...ownModules()] },
    module: {
      ...config.module,
      parser: {
        ...config.module?.parser,
        // One file: a workflow cannot load a second chunk.
        javascript: { ...config.module?.parser?.['javascript'], dynamicImportMode: 'eager' },
      },
      rules: rules.map((rule) =>
        // Packages' own source maps only tell lines inside packages, and reading them is a quarter of the time.
        typeof rule === 'object' && rule !== null && rule.enforce === 'pre'
          ? { ...rule, exclude: /[\\/]node_modules[\\/]/ }
          : rule,
      ),
    },
    plugins: [...(config.plugins ?? []), trail],
  };
}

/** Where `@temporalio/workflow` is found when the project has none installed, such as one never `npm install`ed. */
function ownModules(): string[] {
  const entry = require.resolve('@temporalio/workflow');
  return [entry.slice(0, entry.lastIndexOf(`${path.sep}@temporalio${path.sep}`))];
}

/**
 * Job: remember who imported what while webpack resolves, to tell an author which import of theirs led to a module
 * that cannot be bundled.
 */
class ImportTrail {
  private readonly importers = new Map<string, { issuer: string; request: string }>();
  private readonly forbidden: { issuer: string; request: string }[] = [];
  private readonly failures: { issuer: string; message: string }[] = [];

  constructor(
    private readonly projectDir: string,
    private readonly code: WorkflowCode,
  ) {}

  apply(compiler: Compiler): void {
    compiler.hooks.normalModuleFactory.tap('PegasusImportTrail', (factory) => {
      factory.hooks.beforeResolve.tap('PegasusImportTrail', ({ request, contextInfo: { issuer } }) => {
        if (moduleMatches(request.replace(/^node:/, ''), disallowedModules))
          this.forbidden.push({ issuer, request });
        return undefined;
      });
      factory.hooks.afterResolve.tap(
        'PegasusImportTrail',
        ({ request, contextInfo: { issuer }, createData }) => {
          const { resource } = createData;
          if (resource !== undefined && !this.importers.has(resource))
            this.importers.set(resource, { issuer, request });
          return undefined;
        },
      );
    });
    compiler.hooks.done.tap('PegasusImportTrail', ({ compilation }) => {
      for (const error of compilation.errors) {
        const issuer = (error as WebpackError).module?.nameForCondition() ?? '';
        this.failures.push({ issuer, message: error.message });
      }
    });
  }

  problems(): Problem[] {
    const forbidden = this.forbidden.map(({ issuer, request }) =>
      this.problem(issuer, request, (chain) => ({
        message: `workflow code reaches "${request}"${via(chain)}`,
        fix: 'import the package in an activity, or use one that needs nothing of Node',
      })),
    );
    const isForbidden = (message: string): boolean =>
      this.forbidden.some(({ request }) => message.includes(request));
    const other = this.failures.filter(({ message }) => !isForbidden(message));
    const failed = other.map(({ issuer, message }) => {
      const missing = /Can't resolve '([^']+)'/.exec(message)?.[1];
      return this.problem(issuer, missing ?? '', (chain) =>
        missing === undefined
          ? { message: `cannot be bundled: ${firstLines(message)}`, fix: 'correct the code' }
          : { message: `"${missing}" cannot be found${via(chain)}`, fix: installFix(missing) },
      );
    });
    return [...forbidden, ...failed];
  }

  /** Follows the importers from a module up to the author's own file, and its line. */
  private problem(
    issuer: string,
    request: string,
    describe: (chain: string[]) => { message: string; fix: string },
  ): Problem {
    const chain: string[] = [];
    let file = issuer;
    let wanted = request;
    for (let steps = 0; !this.isOwn(file) && steps < 1000; steps++) {
      const importer = this.importers.get(file);
      if (!importer) break;
      chain.unshift(packageName(file));
      wanted = importer.request;
      file = importer.issuer;
    }
    const relative = path.relative(this.projectDir, file).split(path.sep).join('/');
    const found = this.code.imports.get(relative)?.find(({ specifier }) => specifier === wanted);
    const position = found ? { line: found.line, column: found.column } : {};
    const name = this.isOwn(file) ? relative : (this.code.imports.keys().next().value ?? relative);
    return { file: name, ...position, ...describe(chain.filter((step, index) => step !== chain[index - 1])) };
  }

  private isOwn(file: string): boolean {
    return (
      file.startsWith(this.projectDir + path.sep) && !file.includes(`${path.sep}node_modules${path.sep}`)
    );
  }
}

function via(chain: readonly string[]): string {
  return chain.length === 0 ? '' : ` through ${chain.map((name) => `"${name}"`).join(' → ')}`;
}

function packageName(file: string): string {
  const slashed = file.split(path.sep).join('/');
  return packageOf(slashed.slice(slashed.lastIndexOf('/node_modules/') + '/node_modules/'.length));
}

function installFix(specifier: string): string {
  return /^[./]/.test(specifier)
    ? 'correct the path of the import'
    : `run \`npm install ${packageOf(specifier)}\`, or correct the import`;
}

function firstLines(message: string): string {
  return message
    .split('\n')
    .slice(0, 3)
    .map((line) => line.trim())
    .join(' ');
}
