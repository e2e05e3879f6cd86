// npm run build: compiles every package, then puts what the command line starts with (packages/cli/src/start.ts says
// why), the server and the supervisor into one file each.
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleProcess } from './bundle-process.mjs';

/** @returns the exit code of what failed, or 0. Whatever is printed goes to standard error. */
export async function build(root) {
  const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status } = spawnSync(process.execPath, [tsc, '-b'], { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) return status ?? 1;
  await Promise.all([
    bundleCommand(root),
    bundleServer(root),
    bundleSupervisor(root),
    bundleDispatchWorkflow(root),
  ]);
  return 0;
}

function bundleServer(root) {
  return bundleProcess(path.join(root, 'packages', 'server'), {
    main: 'main.js',
    out: 'start/server.js',
    // The first two find files beside their code; the others are loaded only where they are installed.
    external: [
      '@electric-sql/pglite',
      '@pegasus-workflows/project/temporal-json',
      'pg-native',
      'pg-cloudflare',
    ],
  });
}

function bundleSupervisor(root) {
  return bundleProcess(path.join(root, 'packages', 'runner'), {
    main: 'supervisor/main.js',
    out: 'start/supervisor.js',
  });
}

/** The workflow of a durable dispatch: an agent host needs no webpack to start. */
async function bundleDispatchWorkflow(root) {
  const { bundleWorkflowCode } = await import('@temporalio/worker');
  const workflow = createRequire(path.join(root, 'packages', 'runner', 'package.json')).resolve(
    '@pegasus-workflows/agents/durable/workflow',
  );
  const silent = () => {};
  const logger = {
    log: silent,
    trace: silent,
    debug: silent,
    info: silent,
    warn: console.warn,
    error: console.error,
  };
  const { code } = await bundleWorkflowCode({ workflowsPath: workflow, logger });
  const folder = path.join(root, 'packages', 'runner', 'dist', 'start');
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'dispatch-workflow.js'), withEmptyMap(code));
}

/** A host reads the map for every workspace when it starts, and it is most of the file; a worker wants there to be one. */
function withEmptyMap(code) {
  const map = { version: 3, sources: [], names: [], mappings: '' };
  const inline = Buffer.from(JSON.stringify(map)).toString('base64');
  const at = code.lastIndexOf('//# sourceMappingURL=data:');
  return `${code.slice(0, at)}//# sourceMappingURL=data:application/json;base64,${inline}\n`;
}

async function bundleCommand(root) {
  const { build: bundle } = await import('esbuild');
  const dist = path.join(root, 'packages', 'cli', 'dist');
  await bundle({
    entryPoints: [path.join(dist, 'start.js')],
    outfile: path.join(dist, 'start.cjs'),
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
    minify: true,
    keepNames: true,
    // Commands are never reached from here; whatever else runs is loaded as the modules they are.
    external: ['./bin.js', '../commands/*', '../json/*', '../completion/answer.js'],
    define: { 'import.meta.url': 'fileUrl' },
    banner: { js: 'const fileUrl = require("node:url").pathToFileURL(__filename).href;' },
    // Commander loads it for commands that are programs of their own, of which there are none; loading it takes long.
    plugins: [nothingFor('node:child_process')],
    logLevel: 'warning',
  });
}

/** An empty module in place of one that is required and not used. */
function nothingFor(name) {
  return {
    name: `nothing-for-${name}`,
    setup({ onResolve, onLoad }) {
      onResolve({ filter: new RegExp(`^${name}$`) }, () => ({ path: name, namespace: 'nothing' }));
      onLoad({ filter: /.*/, namespace: 'nothing' }, () => ({ contents: 'module.exports = {};' }));
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = await build(path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..'));
}
