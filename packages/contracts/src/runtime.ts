import { z } from 'zod';
import { actionSchema } from './actions.js';
import { LIMITS } from './limits.js';
import { timestampSchema } from './names.js';

/** What activities and the platform share: the variables of a running execution, and the records of a dry run. */

/** The variables that an activity finds in its environment; outside of activities only `baseUrl` is set. */
export const RUNTIME_VARIABLES = {
  baseUrl: 'PEGASUS_API_BASE_URL',
  /** Valid for minutes and renewed: read it before every call, keep it nowhere. */
  token: 'PEGASUS_RUNTIME_TOKEN',
  /** `1` in an activity of a dry run. */
  dryRun: 'PEGASUS_DRY_RUN',
} as const;

/** What a dry run would have changed. */
export const mutationSchema = z.object({
  /** The client's method, such as `sms.send`. */
  method: z.string(),
  /** The action that the call needs. */
  capability: actionSchema,
  /** Path, query and body of the call in one object; secrets are masked, what is too large is left out. */
  args: z.record(z.string(), z.unknown()),
  /** What the call answered, as the real one would have. */
  wouldReturn: z.unknown(),
});
export type Mutation = z.infer<typeof mutationSchema>;

/** `GET /api/v1/workflows/:id/executions/:eid/mutations`: in the order of the calls, with when each was made. */
export const recordedMutationSchema = mutationSchema.extend({ at: timestampSchema });
export type RecordedMutation = z.infer<typeof recordedMutationSchema>;

/** The `result` of a dry run that completed. */
export const dryRunResultSchema = z.object({
  /** What the workflow returned. */
  result: z.unknown(),
  mutations: z.array(mutationSchema),
});
export type DryRunResult = z.infer<typeof dryRunResultSchema>;

/** Stands for an argument that must not be kept. */
export const MASKED = '[masked]';

/**
 * A mutation as it is recorded, wherever it is: what `mask` names of the arguments is {@link MASKED}, and the largest
 * parts are replaced by `{omittedBytes}` until arguments and answer fit {@link LIMITS.dryRunRecordBytes} each.
 */
export function recordable(mutation: Mutation, mask: readonly string[] = []): Mutation {
  const args = Object.fromEntries(
    Object.entries(mutation.args).map(([name, value]) => [name, mask.includes(name) ? MASKED : value]),
  );
  return { ...mutation, args: fitted(args), wouldReturn: fittedAnswer(mutation.wouldReturn) };
}

function fittedAnswer(value: unknown): unknown {
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (isRecord) return fitted(value as Record<string, unknown>);
  const size = bytesOf(value);
  return size > LIMITS.dryRunRecordBytes ? { omittedBytes: size } : value;
}

function fitted(record: Record<string, unknown>): Record<string, unknown> {
  const total = bytesOf(record);
  if (total <= LIMITS.dryRunRecordBytes) return record;
  const kept = { ...record };
  const bySize = Object.entries(record)
    .map(([name, value]) => ({ name, size: bytesOf(value) }))
    .sort((a, b) => b.size - a.size);
  for (const { name, size } of bySize) {
    kept[name] = { omittedBytes: size };
    if (bytesOf(kept) <= LIMITS.dryRunRecordBytes) return kept;
  }
  return { omittedBytes: total };
}

/** Of its JSON, in UTF-8; nothing that JSON leaves out counts. */
function bytesOf(value: unknown): number {
  const json = JSON.stringify(value) as string | undefined;
  return new TextEncoder().encode(json ?? '').length;
}
