import { PegasusError } from '@pegasus-workflows/contracts';

/**
 * The second implementation of the port that the design has room for: a container of its own for each tenant, made by
 * the operator's container runtime. It is not built. What it would take is in `docs/sandbox.md`.
 *
 * @throws PegasusError always
 */
export function openContainerSandbox(): never {
  throw new PegasusError(
    'VALIDATION_ERROR',
    'PEGASUS_SANDBOX=container is not built yet: there is no sandbox with a container for each tenant.',
    { hint: 'Use auto, which takes the strongest walls of this host, or require, which insists on them.' },
  );
}
