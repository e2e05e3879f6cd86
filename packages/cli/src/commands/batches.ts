import { type Batch, type BatchFilter, type BatchOperation } from '@pegasus-workflows/contracts';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { withProgress } from '../output/progress.js';
import { readMatching } from '../runs/matching.js';
import { confirm } from '../setup/confirm.js';
import { resolveVersions, type Where } from '../workflows/resolve.js';

export interface BatchOptions extends Where {
  /** Which runs, such as `status=FAILED,since=2h`. */
  matching?: string;
  yes?: boolean;
  reason?: string;
}

const VERBS: Record<BatchOperation, { ask: string; done: string }> = {
  cancel: { ask: 'Cancel', done: 'asked to cancel' },
  retry: { ask: 'Start anew', done: 'started anew' },
  terminate: { ask: 'End at once', done: 'ended' },
};

/**
 * `executions cancel|retry|terminate <workflow> --matching …`: the same to every run that fits, after a question that
 * says how many they are. Waits until it is done.
 * @returns 1 when one of them failed
 */
export async function batch(
  context: Context,
  operation: BatchOperation,
  reference: string,
  matching: string,
  { yes, reason, ...where }: BatchOptions,
): Promise<number> {
  const wanted = readMatching(matching);
  const { client } = await connect(context);
  const { out } = context;
  const { filter, name, total } = await withProgress(out, 'counting runs', async () => {
    const versions = await resolveVersions(context, client, reference, where);
    const [only, ...others] = versions;
    const name = only?.name ?? reference;
    const filter: BatchFilter = {
      ...wanted,
      ...(only && others.length === 0 ? { workflowId: only.id } : { workflowName: name }),
    };
    return { filter, name, total: await client.batches.count(operation, filter) };
  });
  const runs = `${total} ${total === 1 ? 'run' : 'runs'} of ${name}`;
  if (total > 0) await confirm(context, `${VERBS[operation].ask} ${runs}?`, yes);
  const ended = await withProgress(out, runs, async (update) => {
    const begun = await client.batches.begin(operation, filter, { reason });
    return client.batches.wait(begun.id, { onProgress: (one) => update(`${countOf(one)} of ${one.total}`) });
  });
  out.line(total === 0 ? `No runs of ${name} fit.` : saidOf(operation, ended));
  for (const { executionId, error } of ended.failures)
    out.line(`${out.colors.bad('✗')} ${executionId}  ${error}`);
  out.result(ended);
  return ended.failed > 0 ? 1 : 0;
}

function countOf({ done, skipped, failed }: Batch): number {
  return done + skipped + failed;
}

function saidOf(operation: BatchOperation, { done, skipped, failed }: Batch): string {
  return [
    `${done} ${VERBS[operation].done}`,
    ...(skipped > 0 ? [`${skipped} had changed meanwhile`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
  ].join(', ');
}
