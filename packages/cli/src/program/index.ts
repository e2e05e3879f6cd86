import { type Surroundings } from '../context.js';
import { readVersion } from '../version.js';
import { addAccessCommands } from './access.js';
import { addAgentCommands } from './agents.js';
import { addShellCommands } from './completion.js';
import { addConfigCommands } from './configs.js';
import { addConnectionCommands } from './connections.js';
import { addCredentialCommands } from './credentials.js';
import { addDiagramCommand } from './diagram.js';
import { addEventCommands } from './events.js';
import { addExecutionCommands } from './executions.js';
import { addIntegrationConfigCommands } from './integration-config.js';
import { addIngressCommands } from './ingress.js';
import { addLocalCommands } from './local.js';
import { addMcpCommand } from './mcp.js';
import { addProjectCommands } from './project.js';
import { addProjectionCommands } from './projections.js';
import { Program } from './program.js';
import { addReplayCommand } from './replay.js';
import { addRunCommands } from './runs.js';
import { addTriggerCommands } from './triggers.js';
import { addWebhookCommands } from './webhooks.js';
import { addSecretCommands } from './secrets.js';
import { addSmsCommands } from './sms.js';
import { addWorkflowCommands } from './workflows.js';

/** The whole command line. Each command's code is imported when that command runs, so that `--help` costs nothing. */
export function createProgram(surroundings: Surroundings): Program {
  const program = new Program('pegasus-workflows', surroundings);
  program
    .description('Author, publish and run durable workflows.')
    .version(readVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .option('--json', 'one JSON document on standard output')
    .option('--profile <name>', 'profile of the credentials file to use')
    .option('--token <key>', 'API key, instead of a profile (seen in ps; scripts set PEGASUS_WORKFLOW_TOKEN)')
    .option('--base-url <url>', 'where the platform is, instead of what the profile says')
    .option('--no-color', 'no colours (NO_COLOR is respected too)')
    .configureHelp({ showGlobalOptions: true, minWidthToWrap: 20, helpWidth: helpWidth(surroundings) })
    .configureOutput({
      writeOut: (text) => void surroundings.stdout.write(text),
      writeErr: (text) => void surroundings.stderr.write(text),
      // main.ts tells usage errors, in one look with all others.
      outputError: () => {},
    })
    .exitOverride();
  addCredentialCommands(program);
  addLocalCommands(program);
  addProjectCommands(program);
  addDiagramCommand(program);
  addReplayCommand(program);
  addRunCommands(program);
  addExecutionCommands(program);
  addWorkflowCommands(program);
  addTriggerCommands(program);
  addEventCommands(program);
  addIngressCommands(program);
  addIntegrationConfigCommands(program);
  addWebhookCommands(program);
  addSecretCommands(program);
  addConfigCommands(program);
  addProjectionCommands(program);
  addAccessCommands(program);
  addConnectionCommands(program);
  addSmsCommands(program);
  addAgentCommands(program);
  addMcpCommand(program);
  addShellCommands(program);
  return program;
}

function helpWidth({ stdout, env }: Surroundings): number {
  return Number(env['COLUMNS']) || (stdout.isTTY ? stdout.columns : undefined) || 100;
}
