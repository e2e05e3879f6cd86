/**
 * Job: packages every workflow of one project into a staging folder, in a process of its own that can be ended at any
 * moment. `child.js <project> <staging>`, started by `run.ts` over IPC.
 *
 * Boundary: reads the project, writes below the staging folder alone; {@link PackagingMessage}s are all it says. It
 * holds no credentials: its environment is what `run.ts` allows.
 *
 * Invariants
 * 1. When the server is gone, however it went, this process ends and removes the staging folder. It listens for that
 *    before it loads anything heavy.
 * 2. The code that packages is the command line's own: what `package` refuses is refused here, in the same words.
 */
import { rmSync } from 'node:fs';
import type { PackagingMessage } from './messages.js';

const [, , project = '', staging = ''] = process.argv;

function giveUp(): void {
  rmSync(staging, { recursive: true, force: true });
  process.exit(1);
}

process.on('disconnect', giveUp);
// A server that died before this process listened: nobody heard the event.
if (!process.connected) giveUp();

const { packageAll } = await import('./package-all.js');
await say(await packageAll(project, staging, (message) => void say(message)));
process.exit(0);

/** Resolves once the message is on its way: a process that exits before loses it. */
function say(message: PackagingMessage): Promise<void> {
  return new Promise((resolve) => {
    process.send?.(message, () => resolve());
  });
}
