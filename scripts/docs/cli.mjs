// The command reference, from the definitions that also parse the command line and print --help.
import { createProgram } from '../../packages/cli/dist/program/index.js';
import { code, fence, json, page, table, text } from './markdown.mjs';

/** The command line as it is defined; nothing runs. What it prints goes to `write`. */
function commandLine(write) {
  const stream = { isTTY: false, columns: 100, write };
  return createProgram({ env: {}, cwd: '/', stdout: stream, stderr: stream });
}

/** @returns {string} docs/reference/cli.md */
export function cliPage() {
  let printed = '';
  const program = commandLine((chunk) => (printed += chunk));
  /** What a command's --help says beyond its arguments and options. */
  const furtherHelp = (command) => {
    printed = '';
    command.outputHelp();
    return printed.replace(command.helpInformation(), '').trim();
  };
  const commands = leaves(program);
  return page('packages/cli/src/program', [
    '# Commands',
    `Every command, its arguments and its options, as \`pegasus-workflows <command> --help\` prints them. How names, projects and credentials are found, what goes to which stream, and the exit codes: [how commands behave](../cli.md).`,
    table(
      ['command', ''],
      commands.map((command) => [
        `[${code(fullName(command))}](#${anchor(command)})`,
        text(command.summary() || firstSentence(command.description())),
      ]),
    ),
    '## Options of every command {#global-options}',
    optionsTable(program),
    ...commands.flatMap((command) => section(command, furtherHelp(command))),
  ]);
}

function section(command, further) {
  const aliases = command.aliases();
  return [
    `## ${fullName(command)} {#${anchor(command)}}`,
    ...command.description().split('\n').map(text),
    fence('text', `${nameOfProgram(command)} ${fullName(command)} ${command.usage()}`.replace(/\s+/g, ' ')),
    aliases.length > 0 ? `Also as ${aliases.map(code).join(', ')}.` : undefined,
    table(
      ['argument', ''],
      command.registeredArguments.map((argument) => [
        code(argument.required ? `<${argument.name()}>` : `[${argument.name()}]`),
        text(sentence(argument)),
      ]),
    ),
    optionsTable(command),
    further ? fence('text', further) : undefined,
  ];
}

function optionsTable(command) {
  const options = command.createHelp().visibleOptions(command);
  const help = command.createHelp();
  const rows = options
    .filter((option) => option.long !== '--help')
    .map((option) => [code(help.optionTerm(option)), text(sentence(option))]);
  return table(['option', ''], rows);
}

/** Description, choices and default of an option or argument. */
function sentence(part) {
  const choices = part.argChoices ? `one of ${part.argChoices.map(code).join(', ')}` : '';
  // A switch's own default is `false` or, of a --no-…, `true`; neither tells anything.
  const hasDefault = part.defaultValue !== undefined && typeof part.defaultValue !== 'boolean';
  const fallback = hasDefault ? `default ${part.defaultValueDescription ?? json(part.defaultValue)}` : '';
  return [part.description, choices, fallback].filter(Boolean).join('; ');
}

/** The commands that do something, in the order of --help. */
function leaves(command) {
  const children = command
    .createHelp()
    .visibleCommands(command)
    .filter((child) => child.name() !== 'help');
  return children.flatMap((child) => (child.commands.length > 0 ? leaves(child) : [child]));
}

/** `executions list` */
function fullName(command) {
  return command.parent?.parent ? `${fullName(command.parent)} ${command.name()}` : command.name();
}

function nameOfProgram(command) {
  return command.parent ? nameOfProgram(command.parent) : command.name();
}

function anchor(command) {
  return fullName(command).replace(/ /g, '-');
}

function firstSentence(description) {
  return description.split('\n')[0];
}
