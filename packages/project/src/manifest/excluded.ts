/**
 * Names that never enter an artifact, at any depth: what is installed, generated or private. `.pegasus` is both the
 * folder of the built bundles, which packaging writes itself, and where a project may keep its credentials.
 */
export function isExcludedName(name: string): boolean {
  return EXCLUDED.has(name) || name.startsWith('.env');
}

const EXCLUDED = new Set(['node_modules', '.git', '__pycache__', 'dist', '.pegasus', '.DS_Store']);
