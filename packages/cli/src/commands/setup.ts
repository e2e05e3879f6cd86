import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type Context } from '../context.js';
import { maskKey } from '../credentials/mask.js';
import { MCP_FILE, mcpConfig, planMcpConfig, writeMcpConfig, type McpPlan } from '../setup/mcp-config.js';
import {
  chooseProfile,
  completeProfile,
  storeProfile,
  type ChosenProfile,
  type ProfileFlags,
} from '../setup/profile.js';

export interface SetupOptions extends ProfileFlags {
  printMcpConfig?: boolean;
  skipMcp?: boolean;
  force?: boolean;
}

/**
 * The first run: a profile, and this program in the project's `.mcp.json`. No network. What could go wrong is looked at
 * first, so that a failure has written nothing. A second run changes nothing.
 */
export async function setup(context: Context, options: SetupOptions): Promise<void> {
  const { out } = context;
  const force = options.force ?? false;
  const writesMcp = !options.skipMcp && !options.printMcpConfig;
  if (writesMcp) await planMcpConfig(context, force);
  const chosen = await chooseProfile(context, options);
  // Printing is all that was asked for, unless a key was given with it.
  const seeds = !options.printMcpConfig || chosen.key !== undefined;
  const profile = seeds ? await seedProfile(context, chosen, force) : undefined;
  const mcp = writesMcp ? await writeMcpConfig(context, force) : undefined;

  if (options.printMcpConfig) out.line(JSON.stringify(mcpConfig(context.env), null, 2));
  else tell(context, profile, mcp);
  out.result({
    ...(profile ? { profile } : {}),
    ...(mcp ? { mcp } : {}),
    ...(options.printMcpConfig ? { mcpConfig: mcpConfig(context.env) } : {}),
  });
}

/** `none`: the person has no key yet. */
interface SeededProfile {
  name: string;
  status: 'written' | 'kept' | 'none';
  apiRoot: string;
  file?: string;
}

async function seedProfile(context: Context, chosen: ChosenProfile, force: boolean): Promise<SeededProfile> {
  const { name, existing, key, root } = chosen;
  if (existing && !force) {
    const differs =
      (key !== undefined && key !== existing.apiKey) || (root !== undefined && root !== existing.apiRoot);
    if (differs)
      throw new PegasusError('CONFLICT', `Profile "${name}" is there already, with another key or address.`, {
        hint: `Replace it with --force, or change it: pegasus-workflows configure --profile ${name}`,
      });
    return { name, status: 'kept', apiRoot: existing.apiRoot };
  }
  const complete = await completeProfile(context, chosen, {
    withoutKey: 'Enter goes on without; `pegasus-workflows dev` makes one for this machine',
  });
  if (complete.key === undefined) return { name, status: 'none', apiRoot: complete.root };
  const file = await storeProfile(context, name, { key: complete.key, root: complete.root });
  context.out.note(`key ${maskKey(complete.key)} is kept in ${file}, readable by you alone`);
  return { name, status: 'written', apiRoot: complete.root, file };
}

function tell({ out, cwd }: Context, profile: SeededProfile | undefined, mcp: McpPlan | undefined): void {
  const { good, quiet, command } = out.colors;
  if (profile?.status === 'none') out.line(`${quiet('–')} no profile: there is no key yet`);
  else if (profile)
    out.line(`${good('✓')} profile "${profile.name}" ${PROFILE_WORDS[profile.status]}: ${profile.apiRoot}`);
  if (mcp) out.line(`${good('✓')} ${MCP_FILE}: ${MCP_WORDS[mcp.status]}`);
  if (mcp?.status === 'kept')
    out.warn(`${MCP_FILE} in ${cwd} starts "pegasus" in another way; --force replaces that`);
  out.line();
  out.line(`Next: ${command('pegasus-workflows dev')} starts a platform on this machine,`);
  out.line(`      ${command('pegasus-workflows init <name>')} makes a first project.`);
}

const PROFILE_WORDS = { written: 'is stored', kept: 'is there already' } as const;
const MCP_WORDS: Record<McpPlan['status'], string> = {
  added: 'the MCP server "pegasus" was added',
  replaced: 'the MCP server "pegasus" was replaced',
  unchanged: 'the MCP server "pegasus" is there already',
  kept: 'left as it is',
};
