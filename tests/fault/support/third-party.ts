import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { afterAll } from 'vitest';
import { temporalWorkflowId, type Execution, type Workflow } from '@pegasus-workflows/contracts';

/** One effect: step `step` of the run whose Temporal workflow id is `workflowId`. */
export interface Effect {
  workflowId: string;
  step: number;
  /** `performance.now()` of this process. */
  at: number;
}

export interface ThirdParty {
  url: string;
  effects: readonly Effect[];
  /** The effects of one execution's run, in the order in which they were seen. */
  effectsOf(run: Run): Effect[];
  /** Resolves once the run has had `count` effects, repeated ones included. */
  reached(run: Run, count: number): Promise<void>;
}

/** An execution and its workflow: what a run is named after. The row itself has no Temporal id before it has started. */
export interface Run {
  execution: Execution;
  workflow: Workflow;
}

export const temporalIdOf = ({ execution, workflow }: Run): string =>
  temporalWorkflowId(execution.tenantId, workflow.name, execution.id);

interface Waiter {
  workflowId: string;
  count: number;
  resolve: () => void;
}

/** A third party in this process, which no kill of the platform can take its memory of effects from. Closed after the suite. */
export async function startThirdParty(): Promise<ThirdParty> {
  const effects: Effect[] = [];
  const counts = new Map<string, number>();
  const waiters = new Set<Waiter>();

  const server = createServer((request, response) => {
    const key = String(request.headers['idempotency-key']);
    const cut = key.lastIndexOf('/');
    const workflowId = key.slice(0, cut);
    effects.push({ workflowId, step: Number(key.slice(cut + 1)), at: performance.now() });
    counts.set(workflowId, (counts.get(workflowId) ?? 0) + 1);
    response.end();
    for (const waiter of waiters) settle(waiter);
  });

  function settle(waiter: Waiter): void {
    if ((counts.get(waiter.workflowId) ?? 0) < waiter.count) return;
    waiters.delete(waiter);
    waiter.resolve();
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    effects,
    effectsOf: (run) => effects.filter(({ workflowId }) => workflowId === temporalIdOf(run)),
    reached: (run, count) =>
      new Promise((resolve) => {
        const waiter = { workflowId: temporalIdOf(run), count, resolve };
        waiters.add(waiter);
        settle(waiter);
      }),
  };
}
