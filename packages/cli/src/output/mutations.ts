import { type Mutation } from '@pegasus-workflows/contracts';
import { type Output } from './output.js';
import { renderTable } from './table.js';

/** What a dry run would have changed, call by call. */
export function printMutations(out: Output, mutations: readonly Mutation[]): void {
  if (mutations.length === 0) {
    out.line('It would have changed nothing.');
    return;
  }
  const columns = [{ title: 'would have called', keep: true }, { title: 'with' }, { title: 'which answers' }];
  const rows = mutations.map(({ method, args, wouldReturn }) => [
    method,
    JSON.stringify(args),
    JSON.stringify(wouldReturn ?? null),
  ]);
  for (const line of renderTable(columns, rows, out.width)) out.line(line);
}
