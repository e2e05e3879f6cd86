import { type SandboxLimits } from './sandbox.js';

/** What the process needs in private writable memory beyond what it holds at once: stacks of threads, V8's reserves. */
const DATA_SLACK_BYTES = 1024 * 1024 * 1024;

/** Where a resource limit is the wall, because no control group is. */
export interface RlimitNeeds {
  /** Threads and processes are counted by user id, so this needs one that is the worker's alone. */
  tasks: boolean;
  memory: boolean;
}

/**
 * A command's first words that set resource limits by util-linux's `prlimit` and run what follows.
 *
 * @param prlimit absolute path of the program
 */
export function rlimitWords(prlimit: string, limits: SandboxLimits, needs: RlimitNeeds): string[] {
  return [
    prlimit,
    '--core=0',
    `--nofile=${limits.openFiles}`,
    `--fsize=${limits.diskBytes}`,
    ...(needs.tasks ? [`--nproc=${limits.tasks}`] : []),
    ...(needs.memory ? [`--data=${limits.memoryBytes + DATA_SLACK_BYTES}`] : []),
    '--',
  ];
}
