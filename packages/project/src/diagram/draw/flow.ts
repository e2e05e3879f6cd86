import type ts from 'typescript';

/** What a workflow does, one step after the other; code that is no step is left out. */
export type Flow = Step[];

interface At {
  /** Where in the code: two uses of one place are the same step. */
  at: ts.Node;
}

export type Step =
  | ({ kind: 'activity' | 'child'; name: string } & At)
  /** A signal sent to another workflow. */
  | ({ kind: 'send'; name: string } & At)
  | ({ kind: 'timer'; label: string } & At)
  | ({ kind: 'wait' } & Wait & At)
  /** `wait`: the question is whether that wait ended in time. */
  | ({ kind: 'branch'; question: string; wait?: Wait & At; arms: Arm[] } & At)
  | ({ kind: 'loop' } & Loop & At)
  | ({ kind: 'parallel'; label: string; arms: Flow[] } & At)
  | ({ kind: 'try'; body: Flow; caught: Flow | undefined; always: Flow } & At)
  /** A part that may take only so long. */
  | ({ kind: 'limit'; label: string; body: Flow } & At)
  /** A function's body, or a switch: `return` or `break` in it leads to what follows. */
  | ({ kind: 'call'; body: Flow; leaves: 'return' | 'break' } & At)
  | ({ kind: 'exit'; how: 'return' | 'throw' | 'break' | 'continue' | 'again'; label: string } & At);

export type LoopTest = 'before' | 'after' | 'never';

export interface Loop {
  question: string;
  /** When the question is asked; `never`: only a way out of the body ends it. */
  test: LoopTest;
  labels: [again: string, done: string];
  /** Steps that answer the question. */
  check: Flow;
  body: Flow;
}

export interface Wait {
  /** What is waited for, in words of the code. */
  about: string;
  /** The variables that it looks at, as written. */
  reads: ReadonlySet<string>;
  /** `3 days`; absent when it waits as long as it takes. */
  atMost?: string;
}

export interface Arm {
  label: string;
  flow: Flow;
}

/** What happens when a signal or an update comes. */
export interface Handler {
  is: 'signal' | 'update';
  name: string;
  /** The variables that it changes, as written. */
  writes: ReadonlySet<string>;
  body: Flow;
}

export interface Model {
  flow: Flow;
  handlers: Handler[];
}

/** Whether anything of it is worth a node: a step, or a wait, not only a way out. */
export function hasSteps(flow: Flow): boolean {
  return flow.some((step) => {
    switch (step.kind) {
      case 'branch':
        return step.wait !== undefined || step.arms.some((arm) => hasSteps(arm.flow));
      case 'parallel':
        return step.arms.some(hasSteps);
      case 'try':
        return hasSteps(step.body) || hasSteps(step.caught ?? []) || hasSteps(step.always);
      case 'loop':
        return hasSteps(step.check) || hasSteps(step.body);
      case 'limit':
      case 'call':
        return hasSteps(step.body);
      case 'exit':
        return step.how === 'again';
      case 'activity':
      case 'child':
      case 'send':
      case 'timer':
      case 'wait':
        return true;
    }
  });
}
