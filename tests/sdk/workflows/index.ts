import {
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  defineWorkflow,
  executeChild,
  isCancellation,
  matchInput,
  proxyActivities,
  setHandler,
  sleep,
  type WorkflowInput,
} from 'pegasus-workflows-sdk/workflow';

export interface ShopActivities {
  charge(order: string): Promise<string>;
  release(order: string): Promise<void>;
}

const { charge, release } = proxyActivities<ShopActivities>({
  startToCloseTimeout: '10 seconds',
  retry: { initialInterval: '1 hour', backoffCoefficient: 2, maximumAttempts: 5 },
});

export async function monthLong(): Promise<{ began: number; ended: number }> {
  const began = Date.now();
  await sleep('30 days');
  return { began, ended: Date.now() };
}

export const approve = defineSignal<[by: string]>('approve');
export const phase = defineQuery<string>('phase');
export const rename = defineUpdate<string, [name: string]>('rename');

/** Waits a week for an approval; its name can be updated meanwhile. */
export async function approval(): Promise<string> {
  let by: string | undefined;
  let name = 'nameless';
  setHandler(approve, (person) => void (by = person));
  setHandler(phase, () => (by ? 'approved' : 'waiting'));
  setHandler(
    rename,
    (next) => {
      const old = name;
      name = next;
      return old;
    },
    {
      validator: (next) => {
        if (!next) throw ApplicationFailure.nonRetryable('a name must not be empty', 'EmptyName');
      },
    },
  );
  const answered = await condition(() => by !== undefined, '7 days');
  return `${name}: ${answered ? `approved by ${by}` : 'expired'}`;
}

export async function parent(orders: string[]): Promise<string[]> {
  return Promise.all(orders.map((order) => executeChild(child, { args: [order] })));
}
export async function child(order: string): Promise<string> {
  await sleep('2 days');
  return charge(order);
}

export async function payOnce(order: string): Promise<{ receipt: string; waitedMs: number }> {
  const began = Date.now();
  const receipt = await charge(order);
  return { receipt, waitedMs: Date.now() - began };
}

/** One day a run, `days` runs. */
export async function countdown(days: number): Promise<string> {
  if (days === 0) return 'lift-off';
  await sleep('1 day');
  return continueAsNew<typeof countdown>(days - 1);
}

export async function cancellable(order: string): Promise<string> {
  try {
    await sleep('365 days');
    return 'never';
  } catch (error) {
    if (!isCancellation(error)) throw error;
    await CancellationScope.nonCancellable(() => release(order));
    throw error;
  }
}

export const greeting = defineWorkflow(
  { name: 'greeting', version: '1.2.3' },
  async function greeting(input: WorkflowInput): Promise<string> {
    return matchInput(input, {
      manual: ({ input }) => `manual ${JSON.stringify(input)}`,
      event: ({ eventType }) => `event ${eventType}`,
      schedule: ({ input }) => `schedule ${input.schedule}`,
      test: (text) => `test ${text}`,
    });
  },
);
