/**
 * Job: keeps what is published equal to what is in the project folder: publishes at the start and on every change.
 *
 * Boundary: one project folder, one client. It prints what it does and what is wrong, and never throws.
 *
 * Invariants
 * 1. One build at a time; a change during a build leads to exactly one more after it.
 * 2. A build that fails is reported, and the next change is built all the same.
 * 3. After `stop()` nothing is published any more, and the build's files are gone.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { watch as watchFiles } from 'chokidar';
import { type PegasusClient } from 'pegasus-workflows-sdk/client';
import { type Context } from '../context.js';
import { noteError } from '../output/report-error.js';
import { forEachWorkflow } from '../packaging/build.js';
import { publishDevVersion } from '../packaging/dev-version.js';
import { packagedLine, printFailure } from '../packaging/report.js';

/** Editors write a file in several steps; this long after the last one it is whole. */
const QUIET_MS = 150;
/** Folders that building writes to, or that hold no source. */
const IGNORED = new Set(['node_modules', 'dist', '.git', '.pegasus', 'coverage']);
/** Written by publishing itself. */
const IGNORED_FILES = new Set(['deployments.toml']);

export interface PublishOnChange {
  stop(): Promise<void>;
}

/** Publishes the project in `root` now and whenever a file below it changes. */
export async function publishOnChange(
  context: Context,
  client: PegasusClient,
  root: string,
): Promise<PublishOnChange> {
  const outDir = await mkdtemp(path.join(tmpdir(), 'pegasus-dev-'));
  let stopped = false;
  let changed = true;
  let running: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  const work = async (): Promise<void> => {
    while (changed && !stopped) {
      changed = false;
      await publishAll(context, client, root, outDir, () => stopped);
    }
    running = undefined;
  };
  const start = (): void => {
    running ??= work();
  };
  const watcher = watchFiles(root, {
    ignoreInitial: true,
    ignored: (file) => IGNORED.has(path.basename(file)) || IGNORED_FILES.has(path.basename(file)),
  });
  watcher.on('all', () => {
    changed = true;
    clearTimeout(timer);
    timer = setTimeout(start, QUIET_MS);
  });
  watcher.on('error', (error) => context.out.warn(`watching ${root}: ${String(error)}`));
  start();
  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await watcher.close();
      await running;
      await rm(outDir, { recursive: true, force: true });
    },
  };
}

async function publishAll(
  context: Context,
  client: PegasusClient,
  root: string,
  outDir: string,
  isStopped: () => boolean,
): Promise<void> {
  try {
    const outcomes = await forEachWorkflow(root, async (project, workflow) => {
      if (isStopped()) return;
      const { packaged, unchanged } = await publishDevVersion(context, client, project, workflow, outDir);
      context.out.note(`${packagedLine(context, packaged)}  ${unchanged ? 'unchanged' : 'published'}`);
    });
    for (const outcome of outcomes)
      if ('failure' in outcome && !isStopped()) printFailure(context, outcome.workflow, outcome.failure);
  } catch (error) {
    if (!isStopped()) noteError(error, context.out);
  }
}
