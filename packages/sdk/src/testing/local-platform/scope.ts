import { AsyncLocalStorage } from 'node:async_hooks';
import { provideRuntimeScope, type RuntimeScope } from '../../client/runtime-scope.js';

/**
 * Job: makes an activity under test find a local platform where it would find the real one.
 *
 * Boundary: `PegasusClient.fromRuntime()` and `process.env`, for the code that runs inside of {@link withScope} and what
 * it awaits. Processes that it starts get the variables too, but nobody answers them there.
 *
 * Invariants
 * 1. Activities that run at the same time each have their own platform.
 * 2. Outside, `process.env` and the client are what they were.
 */
const current = new AsyncLocalStorage<RuntimeScope>();
let installed = false;

/** Runs `work` with a local platform in place of the real one. */
export function withScope<T>(scope: RuntimeScope, work: () => T): T {
  if (!installed) {
    installed = true;
    provideRuntimeScope(() => current.getStore());
    process.env = overlaid(process.env);
  }
  return current.run(scope, work);
}

/** A view of the environment that has the variables of the activity whose code reads it. */
function overlaid(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = (): RuntimeScope['env'] => current.getStore()?.env ?? {};
  return new Proxy(env, {
    get: (target, name) =>
      Object.hasOwn(own(), name) ? own()[String(name)] : (Reflect.get(target, name) as unknown),
    has: (target, name) => Object.hasOwn(own(), name) || Reflect.has(target, name),
    ownKeys: (target) => [...new Set([...Reflect.ownKeys(target), ...Object.keys(own())])],
    getOwnPropertyDescriptor: (target, name) =>
      Object.hasOwn(own(), name)
        ? { value: own()[String(name)], writable: true, enumerable: true, configurable: true }
        : Reflect.getOwnPropertyDescriptor(target, name),
  });
}
