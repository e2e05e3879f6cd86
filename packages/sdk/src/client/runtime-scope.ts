import type { FetchLike } from './options.js';

/** What stands in for the platform around a piece of code: the test harness puts it around an activity. */
export interface RuntimeScope {
  /** The runtime variables, as the platform would set them. */
  env: Record<string, string | undefined>;
  fetch: FetchLike;
}

/** Registered, not imported: this file runs in browsers, and a test may have loaded two copies of the SDK. */
const SCOPE = Symbol.for('pegasus-workflows-sdk.runtime-scope');
interface Global {
  [SCOPE]?: () => RuntimeScope | undefined;
}

/** What stands in for the platform where this is called; `undefined` everywhere but in tests. */
export function runtimeScope(): RuntimeScope | undefined {
  return (globalThis as Global)[SCOPE]?.();
}

/** Asks `find` from now on. */
export function provideRuntimeScope(find: () => RuntimeScope | undefined): void {
  (globalThis as Global)[SCOPE] = find;
}
