import { AGENT_ROLES } from '@pegasus-workflows/contracts/agents';
import { connect } from '../../api.js';
import { type Context } from '../../context.js';
import { formatDuration, formatTime } from '../../output/format.js';
import { printableWords } from '../../output/printable.js';
import { withProgress } from '../../output/progress.js';
import { renderTable } from '../../output/table.js';

/** `agents workspaces`: what the agent hosts offer at present. */
export async function workspaces(context: Context): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const all = await withProgress(out, 'reading workspaces', () => client.agents.workspaces());
  out.result(all);
  if (all.length === 0) {
    out.line('No agent host offers a workspace at present.');
    return;
  }
  const table = renderTable(
    [{ title: 'workspace', keep: true }, { title: 'host' }, { title: 'models' }, { title: 'heard of (UTC)' }],
    all.map(({ name, hostId, models, seenAt }) => [
      name,
      printableWords(hostId),
      models.map(printableWords).join(', '),
      formatTime(seenAt),
    ]),
    out.width,
  );
  for (const line of table) out.line(line);
}

/** `agents roles`: what each comes with. Asks no platform. */
export async function roles({ out }: Context): Promise<void> {
  const { ROLE_PROFILES } = await import('@pegasus-workflows/agents');
  const all = AGENT_ROLES.map((role) => ({ role, ...ROLE_PROFILES[role] }));
  out.result(all);
  const table = renderTable(
    [
      { title: 'role', keep: true },
      { title: 'persona' },
      { title: 'isolation' },
      { title: 'dollars', align: 'right' },
      { title: 'tokens', align: 'right' },
      { title: 'time', align: 'right' },
    ],
    all.map(({ role, personaSlug, isolation, budget }) => [
      role,
      personaSlug,
      isolation,
      String(budget.dollars),
      String(budget.tokens),
      formatDuration(budget.wallClockMs),
    ]),
    out.width,
  );
  for (const line of table) out.line(line);
}
