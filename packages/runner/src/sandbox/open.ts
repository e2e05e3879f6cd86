import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PegasusError } from '@pegasus-workflows/contracts';
import { type Logger } from '@pegasus-workflows/kit';
import { type WorkerHomes } from '../supervisor/worker-homes.js';
import { Bubblewrap } from './bubblewrap.js';
import { probeCapabilities } from './capabilities.js';
import { codeRoots, outermost } from './code-roots.js';
import { openContainerSandbox } from './container.js';
import { NoSandbox, ProcessSandbox } from './process.js';
import { WALLS, type Sandbox, type SandboxLimits, type Wall } from './sandbox.js';
import { REQUIRED_WALLS, wallsOf } from './walls.js';

/**
 * `auto`: the strongest that the host can do. `require`: that, or no start. `off`: plain processes, for debugging.
 * `container`: not built.
 */
export const SANDBOX_MODES = ['auto', 'require', 'off', 'container'] as const;
export type SandboxMode = (typeof SANDBOX_MODES)[number];

const PACKAGE_DIR = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Opens the sandbox of this supervisor and logs, once, what it lacks.
 *
 * @throws PegasusError when the mode asks for what this host cannot do
 */
export async function openSandbox(
  mode: SandboxMode,
  limits: SandboxLimits,
  homes: WorkerHomes,
  logger: Logger,
): Promise<Sandbox> {
  if (mode === 'container') return openContainerSandbox();
  if (mode === 'off') {
    logger.warn('PEGASUS_SANDBOX=off: tenant code runs as a plain process of this user; for debugging only');
    return new NoSandbox(
      homes,
      WALLS.map((name) => ({ name, up: false, detail: 'PEGASUS_SANDBOX is off' })),
    );
  }
  const code = workerCode();
  const startedAt = performance.now();
  const can = await probeCapabilities(code, limits);
  const walls = wallsOf(can);
  const missing = walls.filter(({ up }) => !up);
  if (mode === 'require') requireWalls(missing);
  for (const { name, detail } of missing)
    logger.warn({ wall: name }, `the sandbox has no wall "${name}" here: ${detail}`);
  const sandbox = can.namespaces
    ? new Bubblewrap(can, limits, code, walls)
    : new ProcessSandbox(can, limits, code, homes, walls);
  const probeMs = Math.round(performance.now() - startedAt);
  const standing = walls.filter(({ up }) => up).map(({ name }) => name);
  logger.info({ sandbox: sandbox.kind, walls: standing, probeMs }, 'sandbox ready');
  return sandbox;
}

/** Bounds to try with, where nobody will run. */
const TRIAL_LIMITS: SandboxLimits = {
  memoryBytes: 1024 ** 3,
  tasks: 256,
  openFiles: 4_096,
  diskBytes: 1024 ** 2,
  cpus: 0,
};

/** Which walls this host would give, for a person to read. Leaves nothing behind. */
export async function inspectSandbox(): Promise<Wall[]> {
  const can = await probeCapabilities(workerCode(), TRIAL_LIMITS);
  await can.groups.close();
  return wallsOf(can);
}

function requireWalls(missing: readonly Wall[]): void {
  const lacking = missing.filter(({ name }) => REQUIRED_WALLS.includes(name));
  if (lacking.length === 0) return;
  const names = lacking.map(({ name, detail }) => `${name} (${detail})`).join('; ');
  throw new PegasusError(
    'VALIDATION_ERROR',
    `PEGASUS_SANDBOX=require, but this host cannot put up these walls: ${names}.`,
    { hint: 'docs/sandbox.md says what each needs; PEGASUS_SANDBOX=auto starts without them.' },
  );
}

/** What a worker reads to run: Node itself, and the code of the runner. */
export function workerCode(): string[] {
  return outermost([realpathSync(process.execPath), ...codeRoots(PACKAGE_DIR)]);
}
