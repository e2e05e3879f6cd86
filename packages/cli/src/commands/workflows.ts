import { type Workflow } from '@pegasus-workflows/contracts';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { verdictLine } from '../diagram/verdict.js';
import { formatBytes, formatTime } from '../output/format.js';
import { withProgress } from '../output/progress.js';
import { renderTable } from '../output/table.js';
import { resolveWorkflow, type Where } from '../workflows/resolve.js';

/** `workflows list`: own and GLOBAL, newest first. */
export async function list(context: Context): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const workflows = await withProgress(out, 'reading workflows', () => client.workflows.list());
  out.result(workflows);
  if (workflows.length === 0) {
    out.line('Nothing is published yet. Publish a project: pegasus-workflows push');
    return;
  }
  const table = renderTable(
    [
      { title: 'name', keep: true },
      { title: 'version', keep: true },
      { title: 'visibility' },
      { title: 'state' },
      { title: 'published (UTC)' },
      { title: 'description' },
    ],
    workflows.map((workflow) => [
      workflow.name,
      workflow.version,
      workflow.visibility,
      workflow.quarantine ? 'quarantined' : '',
      formatTime(workflow.createdAt),
      workflow.manifest.description?.split('\n')[0] ?? '',
    ]),
    out.width,
  );
  for (const line of table) out.line(line);
}

/** `workflows show`: what one version declares, its artifact, its diagram. */
export async function show(context: Context, reference: string, where: Where): Promise<void> {
  const { client } = await connect(context);
  const workflow = await withProgress(context.out, 'reading the workflow', () =>
    resolveWorkflow(context, client, reference, where),
  );
  print(context, workflow);
  context.out.line();
  for (const line of workflow.manifest.diagram.trimEnd().split('\n')) context.out.line(line);
  const { diagramCheck } = workflow.manifest;
  if (diagramCheck) context.out.line(`\n${verdictLine(diagramCheck, context.out.colors)}`);
  context.out.result(workflow);
}

/** `workflows fork`: a copy of a GLOBAL one in the caller's tenant. */
export async function fork(context: Context, reference: string, where: Where): Promise<void> {
  const { client } = await connect(context);
  const original = await resolveWorkflow(context, client, reference, where);
  const copy = await client.workflows.fork(original.id);
  print(context, copy);
  context.out.result(copy);
}

/** `workflows release`: a quarantined version runs again. */
export async function release(context: Context, reference: string, where: Where): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const { id, name, version, quarantine } = await resolveWorkflow(context, client, reference, where);
  const workflow = await client.workflows.release(id);
  const said = quarantine ? 'is released: it runs again, and its open runs go on' : 'was not quarantined';
  out.line(`${out.colors.good('✓')} ${name}@${version} ${said}.`);
  out.result(workflow);
}

function print({ out }: Context, workflow: Workflow): void {
  const { colors } = out;
  const { manifest } = workflow;
  const requirements = (list: { key: string }[] | undefined): string =>
    (list ?? []).map(({ key }) => key).join(', ');
  const { quarantine } = workflow;
  const facts: [string, string | null | undefined][] = [
    ['id', workflow.id],
    ['visibility', workflow.visibility],
    ['published', `${formatTime(workflow.createdAt)} UTC`],
    ['entry', manifest.entryPoints.join(', ')],
    ['actions', manifest.requiredActions?.join(', ')],
    ['secrets', requirements(manifest.requiredSecrets)],
    ['configs', requirements(manifest.requiredConfigs)],
    ['timeout', manifest.timeoutSeconds === undefined ? undefined : `${manifest.timeoutSeconds} s`],
    [
      'forked',
      workflow.forkedFromVersion && `from ${workflow.forkedFromWorkflowId}@${workflow.forkedFromVersion}`,
    ],
    ['artifact', `${formatBytes(workflow.artifactSizeBytes)} sha256 ${workflow.artifactSha256}`],
    ['runs here', workflow.executable ? undefined : 'no: its runtime is not one this platform has'],
  ];
  out.line(colors.strong(`${workflow.name}@${workflow.version}`));
  if (manifest.description) out.line(manifest.description);
  if (quarantine)
    out.line(colors.bad(`quarantined since ${formatTime(quarantine.at)} UTC: ${quarantine.reason}`));
  for (const [name, value] of facts) if (value) out.line(`${colors.quiet(name.padEnd(12))}${value}`);
}
