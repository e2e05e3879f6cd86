/**
 * What workflow code may not use, and what to do instead: one table for packaging, the lint rules and the guides.
 * Imports nothing, so that an editor's lint starts at once.
 */

/** Node modules that Temporal's workflow sandbox has its own deterministic version of. */
const ALLOWED_BUILTINS = new Set(['assert', 'url', 'util']);

/** Temporal's and our own packages that are for the other side of the task queue. */
const HOST_PACKAGES = [
  '@temporalio/activity',
  '@temporalio/client',
  '@temporalio/worker',
  '@temporalio/testing',
  '@temporalio/core-bridge',
  'pegasus-workflows-sdk/agents/activities',
  'pegasus-workflows-sdk/client',
  'pegasus-workflows-sdk/testing',
];

/** Packages whose whole purpose is I/O. Bundling one takes long and its message would name a file deep inside it. */
const IO_PACKAGES = [
  'axios',
  'node-fetch',
  'undici',
  'got',
  'ky',
  'superagent',
  'request',
  'cross-fetch',
  'ws',
  'pg',
  'mysql',
  'mysql2',
  'mongodb',
  'mongoose',
  'redis',
  'ioredis',
  'knex',
  'typeorm',
  'sequelize',
  'better-sqlite3',
  '@prisma/client',
  'aws-sdk',
  '@aws-sdk',
  '@google-cloud',
  '@azure',
  'googleapis',
  'openai',
  '@anthropic-ai/sdk',
  'stripe',
  'twilio',
  'nodemailer',
  'fs-extra',
  'chokidar',
  'puppeteer',
  'playwright',
  'dotenv',
];

const ACTIVITY_FIX = 'do it in an activity and call that through proxyActivities()';
const TIMER_FIX = 'use sleep() of @temporalio/workflow, a durable timer';
const BUILTIN_FIXES: Record<string, string> = {
  crypto: 'use uuid4() of @temporalio/workflow for ids; do other cryptography in an activity',
  timers: TIMER_FIX,
  async_hooks: 'use AsyncLocalStorage of @temporalio/workflow',
  events: 'use signals and condition() of @temporalio/workflow',
  buffer: 'use Uint8Array, TextEncoder and TextDecoder, or an activity',
  perf_hooks: 'use Date.now(), which is deterministic in a workflow',
};

/**
 * Globals that a workflow's sandbox does not have, or that would break determinism, and what to use. `Date`,
 * `Math.random`, `setTimeout` and `clearTimeout` are not here: the sandbox has its own, deterministic ones.
 */
export const FORBIDDEN_GLOBALS: ReadonlyMap<string, string> = new Map([
  ['fetch', ACTIVITY_FIX],
  ['XMLHttpRequest', ACTIVITY_FIX],
  ['WebSocket', ACTIVITY_FIX],
  ['process', 'pass the value in as input, or read it in an activity'],
  ['Buffer', 'use Uint8Array, TextEncoder and TextDecoder, or an activity'],
  ['crypto', 'use uuid4() of @temporalio/workflow for ids; do other cryptography in an activity'],
  ['performance', 'use Date.now(), which is deterministic in a workflow'],
  ['setInterval', 'loop with sleep() of @temporalio/workflow'],
  ['clearInterval', 'loop with sleep() of @temporalio/workflow'],
  ['setImmediate', 'await sleep() of @temporalio/workflow, or a resolved promise'],
  ['queueMicrotask', 'await a resolved promise'],
  ['WeakRef', 'use an ordinary reference: garbage collection is not deterministic'],
  ['FinalizationRegistry', 'clean up in `finally`: garbage collection is not deterministic'],
]);

/** Why something may not be used, and what to do instead. */
export interface Forbidden {
  what: string;
  fix: string;
}

/**
 * Why workflow code may not import a module as a value, and what to do; undefined when it may.
 *
 * @param isBuiltin `isBuiltin` of `node:module`; handed in, because this module runs in browsers too
 */
export function forbiddenImport(
  specifier: string,
  isBuiltin: (specifier: string) => boolean,
): Forbidden | undefined {
  const bare = specifier.replace(/^node:/, '');
  const root = bare.split('/')[0]!;
  if (isBuiltin(specifier) || isBuiltin(root)) {
    if (!ALLOWED_BUILTINS.has(bare))
      return { what: 'a Node module', fix: BUILTIN_FIXES[root] ?? ACTIVITY_FIX };
    if (bare === specifier) return undefined;
    return {
      what: 'a Node module by its "node:" name',
      fix: `import it as "${bare}", which the sandbox provides`,
    };
  }
  const within = (name: string): boolean => specifier === name || specifier.startsWith(`${name}/`);
  if (HOST_PACKAGES.some(within))
    return { what: 'a package for code outside of workflows', fix: ACTIVITY_FIX };
  if (IO_PACKAGES.some(within)) return { what: 'a package that does I/O', fix: ACTIVITY_FIX };
  return undefined;
}

export const TYPE_IMPORT_FIX = 'write `import type * as activities` and call them through proxyActivities()';
