import { randomBytes, randomUUID } from 'node:crypto';
import { type schema } from '@pegasus-workflows/server';

type NewWorkflow = typeof schema.workflows.$inferInsert;

/** A published, executable version whose artifact exists nowhere: a worker of the test polls its queue, or nobody. */
export function workflowRow(over: Partial<NewWorkflow> & Pick<NewWorkflow, 'tenantId'>) {
  const { name = 'scripted', version = '1.0.0' } = over;
  return {
    id: randomUUID() as string,
    name,
    version,
    visibility: 'TENANT' as const,
    manifest: {
      name,
      version,
      entryPoints: [`${name}/workflow:${name}`],
      diagram: 'flowchart LR\n a-->b',
    },
    artifactSha256: randomBytes(32).toString('hex'),
    artifactSizeBytes: 1,
    executable: true,
    workflowType: name,
    ...over,
  } satisfies NewWorkflow;
}
