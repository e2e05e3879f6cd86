import type { Manifest } from '@pegasus-workflows/contracts';
import type { Workflow } from '@temporalio/workflow';

/** What a workflow says about itself; the same fields as its table in `pegasus-workflows.toml`. */
export type WorkflowMetadata = Pick<Manifest, 'name' | 'version'> &
  Partial<Omit<Manifest, 'name' | 'version' | 'entryPoints' | 'diagram'>>;

// Registered, so that the metadata is found across two copies of this package.
const METADATA: unique symbol = Symbol.for('pegasus-workflows-sdk.workflow-metadata');

/** A workflow function that carries its metadata, with literal types. */
export type DefinedWorkflow<M extends WorkflowMetadata, W extends Workflow> = W & {
  readonly [METADATA]: Readonly<M>;
};

/**
 * Names a workflow in code. Costs nothing at run time: no I/O, no wrapper around the function.
 *
 * ```ts
 * export const hello = defineWorkflow({ name: 'hello', version: '1.0.0' }, async function hello(input: WorkflowInput) {
 *   return matchInput(input, { manual: ({ input }) => greet(input), test: (text) => greet({ name: text }) });
 * });
 * ```
 *
 * With a function, returns that same function; Temporal's workflow type stays the name of the export, so name the
 * function after it, as Temporal's own `executeChild(fn)` also goes by that name. With metadata alone, returns it frozen.
 */
export function defineWorkflow<const M extends WorkflowMetadata>(metadata: M): Readonly<M>;
export function defineWorkflow<const M extends WorkflowMetadata, W extends Workflow>(
  metadata: M,
  workflow: W,
): DefinedWorkflow<M, W>;
export function defineWorkflow(metadata: WorkflowMetadata, workflow?: Workflow): unknown {
  const frozen = Object.freeze({ ...metadata });
  if (!workflow) return frozen;
  return Object.defineProperty(workflow, METADATA, { value: frozen, enumerable: false });
}

/** The metadata that {@link defineWorkflow} attached; `undefined` for a plain function, which is as good a workflow. */
export function workflowMetadata<M extends WorkflowMetadata>(
  workflow: DefinedWorkflow<M, Workflow>,
): Readonly<M>;
export function workflowMetadata(workflow: Workflow): Readonly<WorkflowMetadata> | undefined;
export function workflowMetadata(workflow: Workflow): unknown {
  return METADATA in workflow ? workflow[METADATA] : undefined;
}
