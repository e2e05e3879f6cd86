import { auditOutcomeSchema, type AuditEntry, type AuditQuery } from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { findMember, findTenant, isId } from '../access/find.js';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { unmask } from '../credentials/mask.js';
import { formatTime } from '../output/format.js';
import { withProgress } from '../output/progress.js';
import { renderTable } from '../output/table.js';
import { readInstant, readLimit } from '../runs/filters.js';

export interface AuditOptions {
  actor?: string;
  object?: string;
  operation?: string;
  outcome?: string;
  since?: string;
  until?: string;
  tenant?: string;
  limit: string;
  before?: string;
}

/** `audit`: who did what, and what was refused. */
export async function audit(context: Context, options: AuditOptions): Promise<void> {
  const { outcome, since, until, object, operation } = options;
  const query: Partial<AuditQuery> = {
    limit: readLimit(options.limit),
    before: options.before === undefined ? undefined : readSeq(options.before),
    outcome: outcome === undefined ? undefined : readOutcome(outcome),
    since: since === undefined ? undefined : readInstant('--since', since),
    until: until === undefined ? undefined : readInstant('--until', until),
    object,
    operation,
  };
  const { client } = await connect(context);
  const { out } = context;
  const { actor, tenant } = options;
  const entries = await withProgress(out, 'reading the audit log', async () => {
    if (actor !== undefined) query.actor = isId(actor) ? actor : (await findMember(client, actor)).id;
    if (tenant !== undefined)
      query.tenantId = tenant === 'none' || tenant === 'all' ? tenant : (await findTenant(client, tenant)).id;
    return client.audit.list(query);
  });
  // What a key's entry is named by: its first characters.
  for (const { object } of entries) if (object?.kind === 'api_keys' && object.name) unmask(object.name);
  out.result(entries);
  if (entries.length === 0) {
    out.line('Nothing in the audit log fits.');
    return;
  }
  for (const line of tableOf(context, entries)) out.line(line);
  if (entries.length === query.limit)
    out.note(out.noteColors.quiet(`older ones: the same with --before ${entries.at(-1)?.seq}`));
}

function tableOf({ out }: Context, entries: readonly AuditEntry[]): string[] {
  return renderTable(
    [
      { title: 'seq', keep: true, align: 'right' },
      { title: 'when (UTC)', keep: true },
      { title: 'who' },
      { title: 'outcome', keep: true },
      { title: 'what' },
      { title: 'object' },
      { title: 'from' },
    ],
    entries.map((entry) => [
      String(entry.seq),
      formatTime(entry.at),
      whoOf(entry),
      entry.outcome === 'REFUSED' ? out.colors.bad(entry.outcome) : entry.outcome,
      whatOf(entry),
      objectOf(entry),
      entry.ip ?? '',
    ]),
    out.width,
  );
}

function whoOf({ actor }: AuditEntry): string {
  if (actor.executionId !== null) return `run ${actor.executionId}`;
  return actor.memberName ?? actor.memberId ?? actor.kind.toLowerCase();
}

function whatOf({ operation, outcome, fields, code, method, route, count }: AuditEntry): string {
  if (outcome !== 'REFUSED') return fields?.length ? `${operation} ${fields.join(', ')}` : operation;
  const call = [method, route].filter(Boolean).join(' ');
  return `${call} ${code ?? ''}${count > 1 ? ` ×${count}` : ''}`.trim();
}

function objectOf({ object }: AuditEntry): string {
  return object ? [object.kind, object.name ?? object.id].filter(Boolean).join(' ') : '';
}

function readOutcome(text: string): AuditEntry['outcome'] {
  const { data } = auditOutcomeSchema.safeParse(text.toUpperCase());
  if (data) return data;
  throw new PegasusError('VALIDATION_ERROR', `--outcome: "${text}" is not an outcome.`, {
    hint: `They are: ${auditOutcomeSchema.options.join(', ')}.`,
  });
}

function readSeq(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new PegasusError('VALIDATION_ERROR', `--before: "${text}" is not the number of an entry.`, {
    hint: 'It is the first column of the list.',
  });
}
