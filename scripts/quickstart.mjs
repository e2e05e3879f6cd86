// The first look: installs and builds what is missing, starts the platform, publishes examples/hello, runs it, and says
// where to look next. Every step after the build is the command an author would type. Plain Node, because it must work
// before anything is installed. `--once` ends when the run has ended; otherwise the platform stays up until Ctrl-C.
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';
import { ensureInstalled } from './install.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const home = path.join(root, '.pegasus', 'quickstart');
const project = path.join('examples', 'hello');
const cli = path.join(root, 'packages', 'cli', 'dist', 'bin.js');
const once = process.argv.includes('--once');
const env = {
  ...process.env,
  // Nobody's own profiles are read or changed, and no environment variable points anywhere else.
  PEGASUS_CREDENTIALS_FILE: path.join(home, 'credentials'),
  PEGASUS_WORKFLOW_TOKEN: '',
  PEGASUS_BASE_URL: '',
};
const started = performance.now();

const seconds = (from) => `${((performance.now() - from) / 1000).toFixed(1)} s`;

/** Runs one stage, says what it does and how long it took; ends the whole when it fails. */
async function stage(title, work) {
  const from = performance.now();
  console.log(`\n== ${title}`);
  const value = await work();
  console.log(`   ${seconds(from)}`);
  return value;
}

/** One command of the CLI. @returns its exit code and, when `capture`, its standard output */
function pegasus(args, { capture = false } = {}) {
  if (!capture) console.log(`   $ npx pegasus-workflows ${args.join(' ')}`);
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cli, ...args], {
      cwd: root,
      env,
      stdio: ['ignore', capture ? 'pipe' : 'inherit', capture ? 'ignore' : 'inherit'],
    });
    let stdout = '';
    child.stdout?.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, stdout }));
  });
}

class StageFailed extends Error {}

async function must(args) {
  const { code } = await pegasus(args);
  if (code !== 0) throw new StageFailed(`pegasus-workflows ${args[0]} ended with ${code}`);
}

/** Starts `dev` and resolves with its URL once it says `ready`. */
async function startPlatform() {
  mkdirSync(home, { recursive: true });
  const args = ['dev', '--no-watch', '--data-dir', path.join(home, 'data')];
  console.log('   $ npx pegasus-workflows dev');
  const child = spawn(process.execPath, [cli, ...args], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.on('close', resolve));
  const url = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const ready = /^ready (http\S+)$/.exec(line)?.[1];
      if (ready) resolve(ready);
    });
    ended.then((code) =>
      reject(new StageFailed(`the platform did not start (exit code ${code}); the lines above say why`)),
    );
  });
  return { child, ended, url };
}

/** Publishes the example, unless exactly this content is published; changed content becomes a `-dev.N` version. */
async function publish() {
  console.log(`   $ npx pegasus-workflows push -C ${project} --profile local`);
  const { code, stdout } = await pegasus(['push', '-C', project, '--profile', 'local', '--json'], {
    capture: true,
  });
  const [pushed] = [JSON.parse(stdout)].flat();
  if (code === 0) {
    console.log(
      `   published ${pushed.name}@${pushed.version}, ${pushed.sizeBytes} bytes, sha256 ${pushed.sha256}`,
    );
    return `${pushed.name}@${pushed.version}`;
  }
  if (pushed.code !== 'CONFLICT')
    throw new StageFailed([pushed.error, ...(pushed.problems ?? []), pushed.hint].join('\n   '));
  if (pushed.data?.identical) {
    console.log(`   ${pushed.name}@${pushed.version} is published already with this content`);
    return `${pushed.name}@${pushed.version}`;
  }
  console.log(
    `   ${pushed.name}@${pushed.version} is published with other content; publishing yours as a dev version`,
  );
  const dev = await pegasus(['push', '-C', project, '--profile', 'local', '--dev', '--json'], {
    capture: true,
  });
  const [latest] = [JSON.parse(dev.stdout)].flat();
  if (dev.code !== 0) throw new StageFailed(latest.error);
  return `${latest.name}@${latest.version}`;
}

async function buildAll() {
  if ((await build(root)) !== 0) throw new StageFailed('the build failed; the lines above say why');
}

function farewell(url) {
  const credentials = path.relative(process.cwd(), env.PEGASUS_CREDENTIALS_FILE);
  console.log(`
Done in ${seconds(started)}. Where to look next:
   ${project}/hello/workflow.ts  what has just run; change it and start this again
   docs/tutorial.md                 a workflow of your own, in ten minutes
   docs/reference/cli.md            every command`);
  if (once) return;
  console.log(`
The platform is up at ${url} until Ctrl-C; ${url}/docs is the HTTP API, to try out.
In another terminal, in this folder:
   export PEGASUS_CREDENTIALS_FILE=${credentials}
   npx pegasus-workflows run hello --follow --input '{"name": "Ada", "waitSeconds": 10}'
   npx pegasus-workflows executions list hello`);
}

async function main() {
  await stage('Install', () => console.log(ensureInstalled(root) ? '   installed' : '   nothing to do'));
  await stage('Build', buildAll);
  const platform = await stage('Start the platform', startPlatform);
  let interrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.on(signal, () => {
      // From a terminal the child has the signal too; a second one forces it.
      if (interrupted || signal === 'SIGTERM') platform.child.kill(signal);
      interrupted = true;
    });
  try {
    const reference = await stage('Package and publish examples/hello', publish);
    await stage('Run', () =>
      must(['run', reference, '--profile', 'local', '--follow', '--input', '{"name": "Pegasus"}']),
    );
    farewell(platform.url);
    if (!once) await platform.ended;
  } finally {
    platform.child.kill('SIGINT');
    await platform.ended;
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof StageFailed)) throw error;
  console.error(`\nquickstart stopped: ${error.message}`);
  process.exitCode = 1;
}
