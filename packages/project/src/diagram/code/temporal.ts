/** Modules that hand out Temporal's workflow API, and what the SDK adds to it. */
export const TEMPORAL_PACKAGES: ReadonlySet<string> = new Set([
  '@temporalio/workflow',
  'pegasus-workflows-sdk/workflow',
  'pegasus-workflows-sdk/agents/workflow',
]);

/** What of that API is a step, leads to one, or changes the flow. Everything else is ordinary code. */
const FUNCTIONS = [
  'proxyActivities',
  'proxyLocalActivities',
  'scheduleActivity',
  'scheduleLocalActivity',
  'sleep',
  'condition',
  'defineSignal',
  'defineQuery',
  'defineUpdate',
  'setHandler',
  'executeChild',
  'startChild',
  'getExternalWorkflowHandle',
  'continueAsNew',
  'makeContinueAsNewFunc',
  'patched',
  'isCancellation',
  'defineWorkflow',
  'matchInput',
  'inputKind',
  'dispatchSubagent',
] as const;
const CLASSES = ['CancellationScope', 'ApplicationFailure'] as const;

export type TemporalName = (typeof FUNCTIONS)[number] | (typeof CLASSES)[number];

/** A declaration file of those names: what a program binds them to, however they reach the code that uses them. */
export const TEMPORAL_DECLARATIONS = [
  ...FUNCTIONS.map((name) => `export declare function ${name}(...args: unknown[]): unknown;`),
  ...CLASSES.map((name) => `export declare class ${name} {}`),
].join('\n');

const NAMES: ReadonlySet<string> = new Set([...FUNCTIONS, ...CLASSES]);

export function isTemporalName(name: string): name is TemporalName {
  return NAMES.has(name);
}
