import { type Command } from 'commander';
import type { AnswerOptions } from '../commands/agents/control.js';
import type { ListAgentsOptions } from '../commands/agents/dispatches.js';
import type { RunAgentOptions } from '../commands/agents/run.js';
import { several } from './execution-options.js';
import { yes, type Program } from './program.js';

const DISPATCH = ['<dispatch>', 'its id'] as const;

/** `agents …`: tasks for coding agents. */
export function addAgentCommands(program: Program): void {
  const agents = program
    .command('agents')
    .description(
      'Tasks for coding agents: run, list, show, watch, logs, approve, refuse, pause, resume, cancel, workspaces, roles.',
    );
  addRun(program, agents);
  addReading(program, agents);
  addAnswers(program, agents);
  addControls(program, agents);
  agents
    .command('workspaces')
    .description('What the agent hosts offer at present: workspaces and models.')
    .action(
      program.running(async (context) => (await import('../commands/agents/places.js')).workspaces(context)),
    );
  agents
    .command('roles')
    .description('What each role comes with: how it is kept apart, and what it may spend.')
    .action(
      program.running(async (context) => (await import('../commands/agents/places.js')).roles(context)),
    );
}

function addRun(program: Program, agents: Command): void {
  agents
    .command('run')
    .summary('hand a task to a coding agent, and watch it')
    .description(
      'Hand a task to a coding agent and watch it until it ends; exit 1 unless it shipped. What it asks is asked here, at a terminal.',
    )
    .argument('[prompt]', 'what is to be done, or - for standard input')
    .requiredOption('--role <role>', 'who does it: see agents roles')
    .option('--mode <mode>', 'plan, ask, acceptEdits, auto, dontAsk or bypassPermissions', 'ask')
    .option('--workspace <name>', 'where: see agents workspaces (default: the only one there is)')
    .option('--model <name>', "a model of the host's (default: its first)")
    .option('--budget-usd <n>', "at most so many dollars; tightens the role's own")
    .option('--budget-tokens <n>', 'at most so many tokens, input and output together')
    .option('--budget-minutes <n>', 'at most so long')
    .option('--allow <glob>', 'only these paths (repeatable)', several)
    .option('--deny <glob>', 'never these paths; beats --allow (repeatable)', several)
    .option('--merge <how>', 'auto: merge the branch of one that has shipped; leave: leave it')
    .option('--remote', 'on another host, with a copy of the workspace; what is done comes back as a branch')
    .option('--prompt-file <file>', 'what is to be done, from a file')
    .option('--local', 'in this process and folder, without a platform: what dies with it is lost')
    .option(
      '--agents-file <file>',
      'with --local: the models, as an agent host has them (default: agents.toml)',
    )
    .option('--detach', 'do not wait for its end')
    .option('--timeout <time>', 'watch no longer than this: 90s, 15m, 2h; the dispatch goes on')
    .action(
      program.running(async (context, prompt: string | undefined, options: RunAgentOptions) =>
        (await import('../commands/agents/run.js')).run(context, prompt, options),
      ),
    );
}

function addReading(program: Program, agents: Command): void {
  agents
    .command('list')
    .description('Dispatches, newest first.')
    .option('--state <state>', 'only these: queued, running, waiting, paused or ended')
    .option('--role <role>', 'only of this role')
    .option('--workspace <name>', 'only in this workspace')
    .option('--limit <n>', 'how many', '20')
    .option('--before <dispatch>', 'only older ones than this')
    .action(
      program.running(async (context, options: ListAgentsOptions) =>
        (await import('../commands/agents/dispatches.js')).list(context, options),
      ),
    );
  agents
    .command('show')
    .description('One dispatch: its task, what it asks, how it ended.')
    .argument(...DISPATCH)
    .action(
      program.running(async (context, id: string) =>
        (await import('../commands/agents/dispatches.js')).show(context, id),
      ),
    );
  agents
    .command('watch')
    .description(
      'A dispatch as it happens, until it ends; exit 1 unless it shipped. With --json, one document a line.',
    )
    .argument(...DISPATCH)
    .action(
      program.running(async (context, id: string) =>
        (await import('../commands/agents/dispatches.js')).watch(context, id),
      ),
    );
  agents
    .command('logs')
    .description('What the agent has told, oldest first.')
    .argument(...DISPATCH)
    .option('-f, --follow', 'go on until it has ended')
    .action(
      program.running(async (context, id: string, options: { follow?: boolean }) =>
        (await import('../commands/agents/dispatches.js')).logs(context, id, options),
      ),
    );
}

function addAnswers(program: Program, agents: Command): void {
  const question = ['--question <id>', 'answer this one and no other (default: what it asks now)'] as const;
  agents
    .command('approve')
    .description('Let the agent make the one call that it asks for; the call is shown.')
    .argument(...DISPATCH)
    .option(...question)
    .addOption(yes())
    .action(
      program.running(async (context, id: string, options: AnswerOptions) =>
        (await import('../commands/agents/control.js')).approve(context, id, options),
      ),
    );
  agents
    .command('refuse')
    .description('Deny the call that the agent asks for.')
    .argument(...DISPATCH)
    .option(...question)
    .action(
      program.running(async (context, id: string, options: AnswerOptions) =>
        (await import('../commands/agents/control.js')).refuse(context, id, options),
      ),
    );
}

function addControls(program: Program, agents: Command): void {
  const commands = [
    ['pause', 'Let a dispatch make no further step until it is resumed.'],
    ['resume', 'Let go on what was paused.'],
    ['cancel', 'Ask a dispatch to stop; it ends as cancelled.'],
  ] as const;
  for (const [name, description] of commands)
    agents
      .command(name)
      .description(description)
      .argument(...DISPATCH)
      .action(
        program.running(async (context, id: string) =>
          (await import('../commands/agents/control.js'))[name](context, id),
        ),
      );
}
