/**
 * The activities bundle: one CommonJS file for Node by esbuild, with everything the activities import.
 *
 * `@temporalio/activity` and `@temporalio/common` stay outside and come from the runner. Their context lives in a
 * `globalThis` symbol, so a bundled copy would work, but the worker that fills the context and the code that reads it
 * should be of one version, and the runner's may be newer than the artifact. `pegasus-workflows-sdk` is bundled: an
 * artifact is pinned with the client it was written against.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { build, type BuildFailure, type Message, type Plugin } from 'esbuild';
import { type Problem, ProjectError } from '../problems/index.js';
import { portableSourceMap } from './source-map.js';

const RUNNER_PACKAGES = ['@temporalio/activity', '@temporalio/common'];

/** Packages that hold a native part or a whole server, known by name; the rest is found by what they load. */
const NATIVE_PACKAGES = new Set([
  '@temporalio/worker',
  '@temporalio/core-bridge',
  '@temporalio/testing',
  'better-sqlite3',
  'canvas',
  'sharp',
  'sqlite3',
  'bcrypt',
  'puppeteer',
  'playwright',
  'playwright-core',
  '@prisma/client',
]);

/**
 * @param activitiesFile below the project
 * @throws ProjectError naming each package that cannot be in a bundle, with the file and line that import it
 */
export async function bundleActivities(projectDir: string, activitiesFile: string): Promise<string> {
  const refusals = new Map<string, string>();
  try {
    const result = await build({
      absWorkingDir: projectDir,
      entryPoints: [activitiesFile],
      outfile: path.join(projectDir, 'activities.cjs'),
      write: false,
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'cjs',
      sourcemap: 'inline',
      sourcesContent: true,
      logLevel: 'silent',
      // Else the enclosing folder's tsconfig.json would change the output.
      tsconfigRaw: {},
      external: RUNNER_PACKAGES.flatMap((name) => [name, `${name}/*`]),
      plugins: [refuseUnbundlable(refusals)],
      define: { 'import.meta.url': '__pegasus_module_url' },
      banner: { js: 'const __pegasus_module_url = require("node:url").pathToFileURL(__filename).href;' },
    });
    const [output] = result.outputFiles;
    const problems = result.warnings.filter(isUnbundlable).map((warning) => toProblem(warning, projectDir));
    if (problems.length > 0) throw new ProjectError(problems);
    return portableSourceMap(withoutPaths(output!.text, projectDir), projectDir, projectDir);
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    throw new ProjectError(
      error.errors.map((message) => toProblem(message, projectDir)),
      { cause: error },
    );
  }
}

/** esbuild writes the path of each module into a comment before it, relative to the working directory. */
function withoutPaths(text: string, projectDir: string): string {
  const lines = text.split('\n');
  return lines
    .map((line) => {
      const module = /^(?:\/\/ |  "|var \S+ = __commonJS\(\{\n  ")((?:\.\.\/)+.*node_modules\/.*)$/.exec(
        line,
      )?.[1];
      return module === undefined
        ? line
        : line.replace(module, module.slice(module.lastIndexOf('node_modules/')));
    })
    .join('\n')
    .replaceAll(projectDir.split(path.sep).join('/'), '.');
}

/** Refuses, by package name, what cannot travel in one JavaScript file. */
function refuseUnbundlable(refused: Map<string, string>): Plugin {
  return {
    name: 'pegasus-refuse-unbundlable',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^[^./]/ }, ({ path: specifier }) => {
        const name = packageOf(specifier);
        if (!NATIVE_PACKAGES.has(name) && specifier !== 'pegasus-workflows-sdk/testing') return undefined;
        return { errors: [{ text: `package "${specifier}" has native parts and cannot be packaged` }] };
      });
      onResolve({ filter: /\.(?:node|wasm)$/ }, ({ path: specifier, importer }) => {
        const owner = ownerOf(importer) ?? specifier;
        refused.set(owner, specifier);
        return {
          errors: [
            {
              text: `package "${owner}" loads the binary file ${path.basename(specifier)} and cannot be packaged`,
            },
          ],
        };
      });
      onLoad({ filter: /node_modules.*\.[cm]?js$/ }, async ({ path: file }) => {
        const text = await readFile(file, 'utf8');
        const owner = ownerOf(file);
        const loader = NATIVE_LOADERS.find((pattern) => pattern.test(text));
        if (!loader || owner === undefined) return undefined;
        return { errors: [{ text: `package "${owner}" loads a native add-on and cannot be packaged` }] };
      });
    },
  };
}

/** How packages find their compiled add-on when they run. */
const NATIVE_LOADERS = [
  /require\(\s*['"](?:bindings|node-gyp-build|@mapbox\/node-pre-gyp|prebuild-install)['"]\s*\)/,
  /process\.dlopen\(/,
];

function ownerOf(file: string): string | undefined {
  const slashed = file.split(path.sep).join('/');
  const at = slashed.lastIndexOf('/node_modules/');
  return at < 0 ? undefined : packageOf(slashed.slice(at + '/node_modules/'.length));
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function isUnbundlable({ id }: Message): boolean {
  return id === 'require-resolve-not-external';
}

function toProblem(message: Message, projectDir: string): Problem {
  const { text, location } = message;
  const file = location
    ? path.relative(projectDir, path.resolve(projectDir, location.file)).split(path.sep).join('/')
    : '';
  const position = location ? { line: location.line, column: location.column + 1 } : {};
  const missing = /^Could not resolve "([^"]+)"/.exec(text)?.[1];
  if (missing !== undefined) {
    const fix = /^[./]/.test(missing)
      ? 'correct the path of the import'
      : `run \`npm install ${packageOf(missing)}\``;
    return { file, ...position, message: `"${missing}" cannot be found`, fix };
  }
  const fix = text.includes('cannot be packaged')
    ? 'use a package in plain JavaScript, or call a service that does this'
    : 'correct the code';
  return { file, ...position, message: text, fix };
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors);
}
