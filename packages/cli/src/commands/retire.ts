import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { isPegasusApiError } from 'pegasus-workflows-sdk/client';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { confirm } from '../setup/confirm.js';
import { parseReference } from '../workflows/choose.js';
import { resolveWorkflow } from '../workflows/resolve.js';

export interface RetireOptions {
  force?: boolean;
  yes?: boolean;
}

/** `workflows retire`: one version, named exactly, since it cannot be taken back. */
export async function retire(context: Context, text: string, options: RetireOptions): Promise<void> {
  const reference = parseReference(text);
  if ('name' in reference && reference.version === undefined)
    throw new PegasusError('VALIDATION_ERROR', `"${text}" does not say which version is to be retired.`, {
      hint: `Write ${text}@<version>, or an id. See what is published: pegasus-workflows workflows list`,
    });
  const { client } = await connect(context);
  const { out } = context;
  const workflow = await resolveWorkflow(context, client, text, { latest: true });
  const what = `${workflow.name}@${workflow.version}`;
  await confirm(
    context,
    `Retire ${what}? It starts nothing any more, and cannot be brought back.`,
    options.yes,
  );
  try {
    await client.workflows.retire(workflow.id, { force: options.force ?? false });
  } catch (error) {
    if (!isPegasusApiError(error) || error.code !== 'CONFLICT') throw error;
    throw new PegasusError('CONFLICT', `Executions of ${what} are open.`, {
      cause: error,
      hint: 'Wait until they have ended, cancel them, or add --force to let them end by themselves.',
    });
  }
  out.line(`${out.colors.good('✓')} ${what} is retired; its executions stay.`);
  out.result({ retired: workflow.id });
}
