// Makes sure that node_modules is what package-lock.json says; does nothing when it already is.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const MINIMUM = [20, 19];

/** Exits with one sentence when this Node is older than the platform needs. */
function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > MINIMUM[0] || (major === MINIMUM[0] && minor >= MINIMUM[1])) return;
  console.error(`Pegasus needs Node ${MINIMUM.join('.')} or newer; this is ${process.versions.node}.`);
  process.exit(1);
}

/**
 * Installs what package-lock.json says in `root`, unless that was installed last. Not by `npm ci`: it refuses a lock
 * file that lacks the binaries of other platforms, which is what a registry mirror that does not carry them leads to.
 * @param {string} root
 * @returns {boolean} whether anything was installed
 */
export function ensureInstalled(root) {
  checkNode();
  const marker = path.join(root, 'node_modules', '.pegasus-lock-sha256');
  const hash = createHash('sha256')
    .update(readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(marker) && readFileSync(marker, 'utf8') === hash) return false;
  const { status } = spawnSync(
    'npm',
    ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'],
    {
      cwd: root,
      stdio: ['ignore', 2, 2],
    },
  );
  if (status !== 0) {
    console.error('npm install failed; the lines above say why.');
    process.exit(1);
  }
  writeFileSync(marker, hash);
  return true;
}
