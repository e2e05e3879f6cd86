import type { Dirent } from 'node:fs';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { LIMITS } from '@pegasus-workflows/contracts';
import { isExcludedName } from '../manifest/index.js';
import { compareText, type Problem, ProjectError } from '../problems/index.js';

export interface SourceFile {
  /** Below the project, with `/`. */
  file: string;
  bytes: Buffer;
}

/**
 * Uncompressed bytes of a source folder at which reading stops. Sources compress four to ten times; a folder beyond
 * this holds data, not code, and would take long to compress only to be refused.
 */
const SOURCE_BYTES = 3 * LIMITS.artifactBytes;

/**
 * Every file of the source folder that goes into the artifact, sorted by path. Symbolic links are followed as long as
 * they stay in the project. Sizes are looked at before anything is read, so that a folder too large is refused at once.
 *
 * @throws ProjectError naming links that lead outside, or the largest files
 */
export async function collectSourceFiles(projectDir: string, sourceDir: string): Promise<SourceFile[]> {
  const walk = new Walk(await realpath(projectDir));
  await walk.folder(sourceDir, await walk.lineage(sourceDir));
  walk.check(sourceDir);
  return await walk.contents();
}

/**
 * The files that workflow code imports from elsewhere in the project: they are part of what runs, and belong into the
 * artifact with the sources, where the server reads them.
 *
 * @param reached every project file that workflow code reaches, below the project
 * @throws ProjectError naming links that lead outside, or files that are too large
 */
export async function collectReachedFiles(
  projectDir: string,
  sourceDir: string,
  reached: Iterable<string>,
): Promise<SourceFile[]> {
  const walk = new Walk(await realpath(projectDir));
  for (const file of reached) {
    const segments = file.split('/');
    // What lies outside of the project, or was installed, is bundled and no source of it.
    if (segments[0] === '..' || segments.some(isExcludedName) || file.startsWith(`${sourceDir}/`)) continue;
    await walk.file(file);
  }
  walk.check('the workflow code');
  return await walk.contents();
}

interface Found {
  file: string;
  real: string;
  size: number;
}

class Walk {
  readonly files: Found[] = [];
  private readonly problems: Problem[] = [];
  private total = 0;

  constructor(private readonly root: string) {}

  async folder(folder: string, ancestors: readonly (string | undefined)[]): Promise<void> {
    const entries = await readdir(path.join(this.root, folder), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => compareText(a.name, b.name))) {
      if (isExcludedName(entry.name)) continue;
      await this.entry(`${folder}/${entry.name}`, entry, ancestors);
      if (this.total > SOURCE_BYTES || this.files.length > LIMITS.artifactEntries) return;
    }
  }

  private async entry(
    file: string,
    entry: Dirent,
    ancestors: readonly (string | undefined)[],
  ): Promise<void> {
    const real = entry.isSymbolicLink() ? await this.inside(file) : path.join(this.root, file);
    if (real === undefined) return;
    const stats = await stat(real);
    if (stats.isDirectory()) {
      if (ancestors.includes(real))
        this.problem(file, 'is a link to a folder that contains it', 'remove the link');
      else await this.folder(file, [...ancestors, real]);
    } else if (!stats.isFile()) this.problem(file, 'is neither a file nor a folder', 'remove it');
    else if (/[\\\u0000-\u001f]/.test(file))
      this.problem(file, 'has a character in its name that no artifact may hold', 'rename it');
    else {
      this.total += stats.size;
      this.files.push({ file: file.normalize('NFC'), real, size: stats.size });
    }
  }

  /** One file, which is there when nothing was deleted since the code was read. */
  async file(file: string): Promise<void> {
    const real = await this.inside(file);
    if (real === undefined) return;
    const { size } = await stat(real);
    this.total += size;
    this.files.push({ file: file.normalize('NFC'), real, size });
  }

  /** What was found, read, sorted by path. */
  async contents(): Promise<SourceFile[]> {
    const files = this.files.sort((a, b) => compareText(a.file, b.file));
    return await Promise.all(files.map(async ({ file, real }) => ({ file, bytes: await readFile(real) })));
  }

  /** The real path of a link, when it stays in the project. */
  async inside(file: string): Promise<string | undefined> {
    const real = await realpath(path.join(this.root, file)).catch(() => undefined);
    if (real === undefined)
      this.problem(file, 'is a broken symbolic link', 'remove it, or restore what it points to');
    else if (real === this.root || real.startsWith(this.root + path.sep)) return real;
    else
      this.problem(
        file,
        'is a symbolic link that leads outside the project',
        'copy the file into the project',
      );
    return undefined;
  }

  /** The real paths of the project, the folder and all between: a link to one of them would never end. */
  async lineage(folder: string): Promise<(string | undefined)[]> {
    const segments = folder.split('/');
    const prefixes = segments.map((_, index) => segments.slice(0, index + 1).join('/'));
    return [this.root, ...(await Promise.all(prefixes.map((prefix) => this.inside(prefix))))];
  }

  check(sourceDir: string): void {
    if (this.total > SOURCE_BYTES)
      this.problems.push(tooLarge(sourceDir, this.files, `holds more than ${mebibytes(SOURCE_BYTES)}`));
    else if (this.files.length > LIMITS.artifactEntries - 8)
      this.problem(
        sourceDir,
        `holds more than ${LIMITS.artifactEntries - 8} files`,
        'move data and generated files out of it',
      );
    if (this.problems.length > 0) throw new ProjectError(this.problems);
  }

  private problem(file: string, message: string, fix: string): void {
    this.problems.push({ file, message, fix });
  }
}

/** The problem of too much in an artifact, with the five largest files. */
export function tooLarge(
  where: string,
  files: readonly { file: string; size: number }[],
  message: string,
): Problem {
  const largest = [...files].sort((a, b) => b.size - a.size || compareText(a.file, b.file)).slice(0, 5);
  const list = largest.map(({ file, size }) => `${file} (${mebibytes(size)})`).join(', ');
  return {
    file: where,
    message: `${message}; the largest files are ${list}`,
    fix: `keep data out of the source folder: an artifact is at most ${mebibytes(LIMITS.artifactBytes)}`,
  };
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(bytes < 10 * 1024 * 1024 ? 2 : 0)} MiB`;
}
