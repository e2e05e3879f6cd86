// Everything that must hold before a change lands, in the order that fails fastest.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureInstalled } from './install.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
ensureInstalled(root);

const STEPS = [
  ['types', 'npm', ['run', '--silent', 'build']],
  ['types of the tests', 'npm', ['run', '--silent', 'types:tests']],
  ['format', 'npm', ['run', '--silent', 'format:check']],
  ['lint', 'npm', ['run', '--silent', 'lint']],
  ['unused code', 'npm', ['run', '--silent', 'unused']],
  ['secrets', 'npm', ['run', '--silent', 'secrets']],
  ['licences', 'npm', ['run', '--silent', 'licences']],
  ['audit', 'npm', ['run', '--silent', 'audit']],
  ['bill of materials', 'npm', ['run', '--silent', 'sbom']],
  ['docs site', 'npm', ['run', '--silent', 'docs:build']],
  ['tests', 'npm', ['test', '--silent']],
];

for (const [name, command, args] of STEPS) {
  const started = Date.now();
  console.log(`\n── ${name}`);
  const { status } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) {
    console.error(`verify: ${name} failed`);
    process.exit(1);
  }
  console.log(`── ${name}: ok in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}
