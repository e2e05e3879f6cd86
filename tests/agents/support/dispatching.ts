import {
  ApplicationFailure,
  CancellationScope,
  continueAsNew,
  sleep,
  workflowInfo,
} from 'pegasus-workflows-sdk/workflow';
import { dispatchSubagent, type SubagentResult } from 'pegasus-workflows-sdk/agents/workflow';

/** Workflows that dispatch agents, for `dispatch-subagent.test.ts`. */
const coder = (prompt: string) => ({ role: 'coder', permissionMode: 'acceptEdits', prompt }) as const;
const place = { workspace: 'shop' };

export async function oneDispatch(prompt: string): Promise<{ summary: string; tookMs: number }> {
  const started = Date.now();
  const { summary } = await dispatchSubagent(coder(prompt), place);
  return { summary, tookMs: Date.now() - started };
}

/** Three at once, and one after them. */
export async function several(): Promise<string[]> {
  const first = await Promise.all(['a', 'b', 'c'].map((prompt) => dispatchSubagent(coder(prompt), place)));
  const last = await dispatchSubagent(coder('d'), place);
  return [...first, last].map(({ summary }) => summary);
}

/** The second run dispatches the same as the first. */
export async function continued(run = 1): Promise<string> {
  const { summary } = await dispatchSubagent(coder('again'), place);
  return run === 1 ? continueAsNew<typeof continued>(2) : summary;
}

/** Dispatches, fails, and is begun anew by its retry policy. */
export async function retried(): Promise<string> {
  const { summary } = await dispatchSubagent(coder('once'), place);
  if (workflowInfo().attempt === 1) throw ApplicationFailure.create({ message: 'the first attempt fails' });
  return summary;
}

/** A dispatch in a scope that is cancelled after a while; the workflow goes on. */
export async function withinADay(): Promise<string> {
  const scope = new CancellationScope();
  const dispatched = scope.run((): Promise<SubagentResult> => dispatchSubagent(coder('long'), place));
  const late = sleep('1 day').then(() => scope.cancel());
  const [outcome] = await Promise.all([
    dispatched.then(
      () => 'done',
      () => 'stopped',
    ),
    late,
  ]);
  return outcome;
}
