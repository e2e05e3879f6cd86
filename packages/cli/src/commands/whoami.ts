import { type WhoAmI } from '@pegasus-workflows/contracts';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { unmask } from '../credentials/mask.js';
import { printFacts } from '../output/facts.js';
import { formatTime } from '../output/format.js';
import { withProgress } from '../output/progress.js';

/** `whoami`: as whom commands act. */
export async function whoAmI(context: Context): Promise<void> {
  const { client, credentials } = await connect(context);
  const { out } = context;
  const me = await withProgress(out, 'asking the platform', () => client.whoAmI());
  if (me.key) unmask(me.key.prefix);
  out.result(me);
  printFacts(out, titleOf(me), [
    ['tenant', `${me.tenant.slug}${me.tenant.isPlatform ? ' (the platform tenant)' : ''}`],
    ['platform', credentials.baseUrl],
    ['key', me.key && `${me.key.prefix}… ${me.key.name ?? ''} from ${credentials.source}`],
    ['key roles', me.key?.roles.join(', ')],
    ['member roles', me.member?.roles?.join(', ')],
    ['expires', me.key?.expiresAt && `${formatTime(me.key.expiresAt)} UTC`],
    ['run', me.execution?.id],
    ['may', me.actions.join(', ')],
  ]);
}

function titleOf({ member, tenant }: WhoAmI): string {
  return member?.email ?? member?.name ?? tenant.slug;
}
