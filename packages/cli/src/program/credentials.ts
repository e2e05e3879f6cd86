import { Option } from 'commander';
import type { LoginOptions } from '../commands/login.js';
import type { SetupOptions } from '../commands/setup.js';
import type { ProfileFlags } from '../setup/profile.js';
import { type Program } from './program.js';

const apiKey = (): Option =>
  new Option(
    '--api-key <key>',
    'the key; - reads it from standard input (as an argument, everyone on this machine can see it in ps)',
  );
const apiRoot = (): Option => new Option('--api-root <url>', 'address of the platform');

/** The first run, and the profiles of the credentials file. */
export function addCredentialCommands(program: Program): void {
  program
    .command('setup')
    .summary('first run: a profile, and this program in .mcp.json')
    .description(
      'First run: store a profile (--profile, else "default") in the credentials file and add the MCP server "pegasus" to ./.mcp.json. Asks for what no flag gives; no network. What is there already stays.',
    )
    .addOption(apiKey())
    .addOption(apiRoot())
    .addOption(
      new Option('--print-mcp-config', 'print what belongs in .mcp.json and leave the file alone').conflicts(
        'skipMcp',
      ),
    )
    .option('--skip-mcp', 'leave .mcp.json alone')
    .option('--force', 'replace a profile or a "pegasus" server that is there already')
    .action(
      program.running(async (context, options: SetupOptions) =>
        (await import('../commands/setup.js')).setup(context, options),
      ),
    );
  program
    .command('configure')
    .summary('store or change a profile')
    .description(
      'Store or change a profile (--profile, else "default") of the credentials file. Asks for what no flag gives; the key is not shown while it is typed. No network.',
    )
    .addOption(apiKey())
    .addOption(apiRoot())
    .action(
      program.running(async (context, options: ProfileFlags) =>
        (await import('../commands/configure.js')).configure(context, options),
      ),
    );
  program
    .command('login')
    .summary('store a key for a platform')
    .description(
      'Store a key for a platform in a profile (--profile, else "default"). Asks for what is not given. No call is made unless --verify is given.',
    )
    .argument('[platform]', 'address of the platform, such as https://pegasus.example.com')
    .addOption(apiKey())
    .addOption(apiRoot())
    .option('--verify', 'ask the platform whether it takes the key, before it is stored')
    .action(
      program.running(async (context, platform: string | undefined, options: LoginOptions) =>
        (await import('../commands/login.js')).login(context, platform, options),
      ),
    );
  const profile = program.command('profile').description('Profiles of the credentials file: list.');
  profile
    .command('list')
    .description('Names and addresses, never a key.')
    .action(program.running(async (context) => (await import('../commands/profile.js')).list(context)));
}
