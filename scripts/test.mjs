// The one test command: installs what is missing, builds, runs every suite, and closes with `N passed, N failed`
// counted from the runner's own report. Plain Node, because it must work before anything is installed.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';
import { ensureInstalled } from './install.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const report = path.join(root, '.cache', 'test-report.json');

function run(command, args) {
  const { status, signal, error } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (error) throw error;
  return signal ? 1 : (status ?? 1);
}

/** A locally installed command, called without npx, which costs half a second and talks. */
const bin = (name) => path.join(root, 'node_modules', '.bin', name);

const filters = process.argv.slice(2);
ensureInstalled(root);
const built = await build(root);
if (built !== 0) {
  console.log('0 passed, 1 failed');
  process.exit(built);
}

mkdirSync(path.dirname(report), { recursive: true });
rmSync(report, { force: true });
const status = run(bin('vitest'), [
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
  ...filters,
]);

let counts = { passed: 0, failed: 1 };
try {
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
  // A file that fails to load or whose set-up fails holds no failed test: count it as one.
  const brokenFiles = testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  ).length;
  counts = { passed: numPassedTests, failed: numFailedTests + brokenFiles };
} catch (error) {
  console.error(`the test report could not be read: ${error.message}`);
}
if (status !== 0 && counts.failed === 0) counts.failed = 1;
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exit(counts.failed === 0 && counts.passed > 0 ? 0 : 1);
