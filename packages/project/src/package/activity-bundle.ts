/**
 * The activities bundle: one CommonJS file for Node by esbuild, with everything the activities import.
 *
 * `@temporalio/activity` and `@temporalio/common` stay outside and come from the runner. Their context lives under a
 * `globalThis` symbol, so a bundled copy would work, but the worker that fills the context and the code that reads it
 * should be of one version, and the runner's may be newer than the artifact. `pegasus-workflows-sdk` is bundled: an
 * artifact is pinned together with the client it was written against.
 */
import path from 'node:path';
import { build, type BuildFailure, type BuildResult, type Message, type Plugin } from 'esbuild';
import { type Problem, ProjectError } from '../problems/index.js';
import { packageOf, PortablePaths } from './portable-path.js';
import { joinSourceMap, type SourceMap, splitSourceMap } from './source-map.js';

const RUNNER_PACKAGES = ['@temporalio/activity', '@temporalio/common'];

/** Packages that are known to hold a native part, refused before they are read; others are found by what they load. */
const NATIVE_PACKAGES = new Set([
  '@temporalio/worker',
  '@temporalio/core-bridge',
  '@temporalio/testing',
  '@prisma/client',
  'bcrypt',
  'better-sqlite3',
  'canvas',
  'playwright',
  'playwright-core',
  'puppeteer',
  'sharp',
  'sqlite3',
]);
const HOST_MODULES = new Set(['pegasus-workflows-sdk/testing']);

/** How packages find a compiled file of theirs when they run; it would not be beside the bundle. */
const BINARY_LOADERS = [
  /require\(\s*['"](?:bindings|node-gyp-build|@mapbox\/node-pre-gyp|prebuild-install)['"]\s*\)/,
  /process\.dlopen\(/,
  /(?:__dirname|import\.meta\.url)[^\n]{0,120}\.(?:wasm|node)\b/,
  /\.(?:wasm|node)['"`]\s*,\s*import\.meta\.url/,
];

const NATIVE_FIX = 'use a package in plain JavaScript, or call a service that does this';

/**
 * @param projectDir absolute and real
 * @param activitiesFile below the project
 * @throws ProjectError naming each package that cannot be in a bundle
 */
export async function bundleActivities(projectDir: string, activitiesFile: string): Promise<string> {
  const result = await run(projectDir, activitiesFile);
  const paths = new PortablePaths(projectDir);
  const { code, map } = splitSourceMap(result.outputFiles[0]!.text);
  const problems = [
    ...result.warnings
      .filter(({ id }) => id === 'require-resolve-not-external')
      .map((warning) => toProblem(warning, paths)),
    ...binaryLoaders(map, paths, activitiesFile),
  ];
  if (problems.length > 0) throw new ProjectError(problems);
  return joinSourceMap(withPortableNames(code, paths), map, paths);
}

async function run(projectDir: string, activitiesFile: string): Promise<BuildResult<{ write: false }>> {
  try {
    return await build({
      absWorkingDir: projectDir,
      entryPoints: [activitiesFile],
      // Beside the project's files, so that the map's sources are relative to the project. Nothing is written.
      outfile: path.join(projectDir, 'activities.cjs'),
      write: false,
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'cjs',
      sourcemap: 'inline',
      logLevel: 'silent',
      // Else a tsconfig.json of any enclosing folder would change the output.
      tsconfigRaw: {},
      external: RUNNER_PACKAGES.flatMap((name) => [name, `${name}/*`]),
      plugins: [refuseNative],
      define: { 'import.meta.url': '__pegasus_module_url' },
      banner: { js: 'const __pegasus_module_url = require("node:url").pathToFileURL(__filename).href;' },
    });
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    const paths = new PortablePaths(projectDir);
    throw new ProjectError(
      error.errors.map((message) => toProblem(message, paths)),
      { cause: error },
    );
  }
}

const refuseNative: Plugin = {
  name: 'pegasus-refuse-native',
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path: specifier }) => {
      if (!NATIVE_PACKAGES.has(packageOf(specifier)) && !HOST_MODULES.has(specifier)) return undefined;
      return { errors: [{ text: `package "${specifier}" has native parts and cannot be packaged` }] };
    });
    onResolve({ filter: /\.(?:node|wasm)$/ }, ({ path: specifier, importer }) => {
      const binary = path.posix.basename(specifier);
      const owner = ownerOf(importer.split(path.sep).join('/'));
      const who = owner === undefined ? 'activity code' : `package "${owner}"`;
      return { errors: [{ text: `${who} loads the binary file ${binary} and cannot be packaged` }] };
    });
  },
};

/** esbuild has the text of all it bundled in the source map: no file is read again. */
function binaryLoaders(map: SourceMap, paths: PortablePaths, activitiesFile: string): Problem[] {
  const owners = map.sources.flatMap((source, index) => {
    const owner = ownerOf(paths.of(source).name);
    const text = map.sourcesContent?.[index] ?? '';
    return owner !== undefined && BINARY_LOADERS.some((pattern) => pattern.test(text)) ? [owner] : [];
  });
  return [...new Set(owners)].map((owner) => ({
    file: activitiesFile,
    message: `package "${owner}" loads a compiled file of its own and cannot be packaged`,
    fix: NATIVE_FIX,
  }));
}

/** esbuild names each module by its path: in a comment before it, or as the key of a wrapped CommonJS module. */
function withPortableNames(code: string, paths: PortablePaths): string {
  return code.replace(
    /^(\/\/ | {2}")((?:\.\.\/|\/)[^"\n]+)/gm,
    (_, prefix: string, file: string) => `${prefix}${paths.of(file).name}`,
  );
}

/** The package that a file of `node_modules` belongs to. */
function ownerOf(file: string): string | undefined {
  const at = file.lastIndexOf('node_modules/');
  return at < 0 ? undefined : packageOf(file.slice(at + 'node_modules/'.length));
}

function toProblem({ text, location }: Message, paths: PortablePaths): Problem {
  const at = location
    ? { file: paths.of(location.file).name, line: location.line, column: location.column + 1 }
    : { file: 'activities' };
  const missing = /^Could not resolve "([^"]+)"/.exec(text)?.[1];
  if (missing === undefined)
    return {
      ...at,
      message: text,
      fix: text.includes('cannot be packaged') ? NATIVE_FIX : 'correct the code',
    };
  const fix = /^[./]/.test(missing)
    ? 'correct the path of the import'
    : `run \`npm install ${packageOf(missing)}\`, or correct the import`;
  return { ...at, message: `"${missing}" cannot be found`, fix };
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors);
}
