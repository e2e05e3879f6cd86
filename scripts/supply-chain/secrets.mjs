// Looks for credentials in files. The rules, and the patterns of made-up values in tests, are in .secretlintrc.json.
import { spawnSync } from 'node:child_process';
import { lstatSync } from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';

/**
 * What a commit would carry: the tracked files, and new ones that git does not ignore.
 * @param {string} root of a git checkout
 * @returns {string[]} absolute paths of regular files
 */
export function filesToCommit(root) {
  const listed = spawnSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (listed.status !== 0)
    throw new Error(
      `git could not list the files of ${root}: ${(listed.error?.message ?? listed.stderr).trim()}`,
    );
  const names = [...new Set(listed.stdout.split('\0'))].filter((name) => name !== '');
  return names
    .map((name) => path.join(root, name))
    .filter((file) => lstatSync(file, { throwIfNoEntry: false })?.isFile() ?? false);
}

/**
 * @param {string} root where .secretlintrc.json is
 * @param {string[]} files absolute paths
 * @returns {Promise<{file: string, line: number, kind: string}[]>} where each is and what it looks like, without its value
 */
export async function findSecrets(root, files) {
  // secretlint's profiler searches all marks so far at each mark, so its time grows with the square of the files:
  // two minutes here. Without marks it is two seconds.
  const { mark } = performance;
  performance.mark = () => undefined;
  try {
    const { createEngine } = await import('@secretlint/node');
    const engine = await createEngine({
      cwd: root,
      configFilePath: path.join(root, '.secretlintrc.json'),
      formatter: 'json',
      color: false,
      // Masking covers the name of a pattern too; the value is left out below instead.
      maskSecrets: false,
    });
    const { output } = await engine.executeOnFiles({ filePathList: files });
    return JSON.parse(output).flatMap(({ filePath, messages }) =>
      messages.map(({ loc, messageId, data }) => ({
        file: path.relative(root, filePath),
        line: loc.start.line,
        kind: data?.PATTERN_NAME ?? messageId,
      })),
    );
  } finally {
    performance.mark = mark;
  }
}
