import { mkdir, mkdtemp, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { inject } from 'vitest';
import { succeed } from './process.js';
import { eventually } from './wait.js';

/**
 * Job: what an author has, once per test run: every published package, packed and installed from its tarball in a
 * folder that knows nothing of this repository.
 * Boundary: packs and installs; what is done with the packages is the tests' business.
 * Invariants:
 * 1. However many test files ask, in however many processes, it is packed and installed once.
 * 2. Who asks gets a finished installation, or the failure that it ended in.
 */
const ROOT = path.resolve(import.meta.dirname, '../..');
const MINUTES = 60_000;

export interface PackedPackages {
  /** Has the packages in its `node_modules`; make a folder of your own in it, or link them. */
  dir: string;
  /** `npm install` with quiet and cache-friendly flags, for more packages elsewhere. */
  install(into: string, ...packages: string[]): Promise<void>;
}

/** Give the hook that calls this eight minutes. */
export async function packedPackages(): Promise<PackedPackages> {
  const home = inject('runDir');
  const dir = path.join(home, 'packed');
  const outcome = path.join(home, 'packed-outcome.json');
  // Whoever makes the folder does the work (invariant 1); the outcome appears whole, by a rename (invariant 2).
  if (await made(dir)) {
    const failure = await pack(home, dir).then(
      () => null,
      (error: unknown) => String(error),
    );
    await writeFile(`${outcome}.part`, JSON.stringify({ failure }));
    await rename(`${outcome}.part`, outcome);
  }
  const text = await eventually(() => readFile(outcome, 'utf8'), {
    timeoutMs: 8 * MINUTES,
    intervalMs: 500,
  });
  const { failure } = JSON.parse(text) as { failure: string | null };
  if (failure !== null) throw new Error(`the packages could not be packed and installed: ${failure}`);
  return { dir, install };
}

async function made(dir: string): Promise<boolean> {
  return mkdir(dir).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return false;
      throw error;
    },
  );
}

async function pack(home: string, dir: string): Promise<void> {
  const tarballs = await mkdtemp(path.join(home, 'tarballs-'));
  const published = await publishedPackages();
  const workspaces = published.flatMap((name) => ['--workspace', name]);
  await succeed('npm', ['pack', '--silent', '--pack-destination', tarballs, ...workspaces], { cwd: ROOT });
  const files = (await readdir(tarballs)).map((file) => path.join(tarballs, file));
  if (files.length !== published.length)
    throw new Error(`${published.length} packages became ${files.length} tarballs`);
  await install(dir, ...files);
}

async function install(into: string, ...packages: string[]): Promise<void> {
  await writeFile(path.join(into, 'package.json'), '{"private":true}');
  const flags = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  await succeed('npm', ['install', ...flags, ...packages], { cwd: into });
}

async function publishedPackages(): Promise<string[]> {
  const folders = await readdir(path.join(ROOT, 'packages'));
  const manifests = await Promise.all(
    folders.map((folder) => readFile(path.join(ROOT, 'packages', folder, 'package.json'), 'utf8')),
  );
  return manifests
    .map((text) => JSON.parse(text) as { name: string; private?: boolean })
    .filter((manifest) => !manifest.private)
    .map((manifest) => manifest.name);
}
