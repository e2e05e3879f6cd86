/**
 * Job: gives each activity its own values of the runtime variables in `process.env`, although one process runs many
 * executions at once.
 *
 * Boundary: `process.env` becomes a view of itself, in which those variables are the ones of the activity whose code
 * reads them. A spread copy and the environment of a child process have the values of that moment.
 *
 * Invariants
 * 1. Outside of an activity there is no token and no mode, only the base URL.
 * 2. What code writes to those variables changes nothing: it cannot leak into another execution.
 * 3. Every other variable is what it was.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { RUNTIME_VARIABLES } from '@pegasus-workflows/contracts';

/** What an activity finds. */
export interface ActivityRuntime {
  /** Read at each access, so that a renewed token is seen; `undefined` when there is none. */
  token: () => string | undefined;
  dryRun: boolean;
}

const current = new AsyncLocalStorage<ActivityRuntime>();
const OURS: ReadonlySet<string | symbol> = new Set(Object.values(RUNTIME_VARIABLES));

/** Runs an activity's code with its own runtime variables. */
export function withRuntime<T>(runtime: ActivityRuntime, work: () => T): T {
  return current.run(runtime, work);
}

/** A view of an environment with the runtime variables in it. */
export function runtimeEnv(env: NodeJS.ProcessEnv, baseUrl: string): NodeJS.ProcessEnv {
  const valueOf = (name: string | symbol): string | undefined => {
    const runtime = current.getStore();
    if (name === RUNTIME_VARIABLES.baseUrl) return baseUrl;
    if (name === RUNTIME_VARIABLES.token) return runtime?.token();
    return runtime?.dryRun ? '1' : undefined;
  };
  return new Proxy(env, {
    get: (target, name) => (OURS.has(name) ? valueOf(name) : (Reflect.get(target, name) as unknown)),
    has: (target, name) => (OURS.has(name) ? valueOf(name) !== undefined : Reflect.has(target, name)),
    ownKeys: (target) => [
      ...Reflect.ownKeys(target).filter((name) => !OURS.has(name)),
      ...[...OURS].filter((name) => valueOf(name) !== undefined),
    ],
    getOwnPropertyDescriptor: (target, name) => {
      if (!OURS.has(name)) return Reflect.getOwnPropertyDescriptor(target, name);
      const value = valueOf(name);
      if (value === undefined) return undefined;
      return { value, writable: true, enumerable: true, configurable: true };
    },
    set: (target, name, value) => OURS.has(name) || Reflect.set(target, name, value),
    deleteProperty: (target, name) => OURS.has(name) || Reflect.deleteProperty(target, name),
    defineProperty: (target, name, descriptor) =>
      OURS.has(name) || Reflect.defineProperty(target, name, descriptor),
  });
}
