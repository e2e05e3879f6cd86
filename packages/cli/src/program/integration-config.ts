import { Option, type Command } from 'commander';
import type {
  FolderOptions,
  ForceOptions,
  PublishOptions,
  PullOptions,
  ValidateOptions,
} from '../commands/integration-config.js';
import type { AddCaseOptions, ExplainOptions } from '../commands/integration-records.js';
import { environment, yes, type Program } from './program.js';

const ID = ['<id>', 'what the integration is called'] as const;
const folder = (): Option =>
  new Option('-C, --dir <dir>', 'the folder with the files, when it is not this one');
const prior = (): Option => new Option('--prior <file>', 'the record as it was before');
const action = (): Option =>
  new Option('--action <action>', 'what is about to be done: save, cancel, status-change');
const configs = () => import('../commands/integration-config.js');
const records = () => import('../commands/integration-records.js');

/** `integration-config …`: integrations as data: mapping, rules and corpus, and the gate before them. */
export function addIntegrationConfigCommands(program: Program): void {
  const group = program
    .command('integration-config')
    .description(
      'Integrations as data, a mapping, rules and examples: list, pull, validate, publish, versions, diff, rollback, fork, drop, explain, watch, corpus.',
    );
  addFiles(program, group);
  addVersions(program, group);
  addRecords(program, group);
}

function addFiles(program: Program, group: Command): void {
  group
    .command('list')
    .description('The configuration of every integration that is in force.')
    .action(program.running(async (context) => (await configs()).list(context)));
  group
    .command('pull')
    .summary('write the active version as files')
    .description(
      'Write the active version as files: mapping.json, rules.json, corpus.json, and what else there is, with JSON Schemas for editors.',
    )
    .argument(...ID)
    .addOption(folder())
    .option('--version <n>', 'another version than the active one')
    .option('--stdout', 'print it as one JSON document, and write nothing')
    .option('--force', 'overwrite files that have been changed')
    .action(
      program.running(async (context, id: string, options: PullOptions) =>
        (await configs()).pull(context, id, options),
      ),
    );
  group
    .command('validate')
    .summary('run the gate on the files')
    .description(
      "Run the platform's gate on the files; nothing is published. It ends with 1 when the gate refuses.",
    )
    .argument(...ID)
    .addOption(folder())
    .option('--offline', 'on this machine, without the platform')
    .action(
      program.running(async (context, id: string, options: ValidateOptions) =>
        (await configs()).validate(context, id, options),
      ),
    );
  group
    .command('publish')
    .description('Publish the files as a new version, if they pass the gate.')
    .argument(...ID)
    .addOption(folder())
    .option('--if-version <n>', 'only over this version; 0: only where there is none')
    .action(
      program.running(async (context, id: string, options: PublishOptions) =>
        (await configs()).publish(context, id, options),
      ),
    );
}

function addVersions(program: Program, group: Command): void {
  group
    .command('versions')
    .description('The versions of the configuration in force, newest first.')
    .argument(...ID)
    .action(program.running(async (context, id: string) => (await configs()).versions(context, id)));
  group
    .command('diff')
    .summary('compare a version with the files, or with another')
    .description(
      'Compare a version with the files, or with another version. It ends with 1 when they differ.',
    )
    .argument(...ID)
    .argument('<version>')
    .argument('[other]', 'another version, in place of the files')
    .addOption(folder())
    .action(
      program.running(
        async (context, id: string, version: string, other: string | undefined, options: FolderOptions) =>
          (await configs()).diff(context, id, version, other, options),
      ),
    );
  group
    .command('rollback')
    .description('Publish an old version once more, if it passes the gate today.')
    .argument(...ID)
    .argument('<version>')
    .action(
      program.running(async (context, id: string, version: string) =>
        (await configs()).rollback(context, id, version),
      ),
    );
  group
    .command('fork')
    .description("Copy the platform's configuration into this tenant, to change it here.")
    .argument(...ID)
    .option('--force', 'also where the tenant has one: the copy becomes its next version')
    .action(
      program.running(async (context, id: string, options: ForceOptions) =>
        (await configs()).fork(context, id, options),
      ),
    );
  group
    .command('drop')
    .description("Drop this tenant's configuration with all its versions; the platform's is in force again.")
    .argument(...ID)
    .option('--force', 'also when tenants have one laid over it')
    .addOption(yes())
    .action(
      program.running(async (context, id: string, options: ForceOptions) =>
        (await configs()).drop(context, id, options),
      ),
    );
}

function addRecords(program: Program, group: Command): void {
  group
    .command('explain')
    .summary('what becomes of a record, and why')
    .description('Which path fed each field of a record, and which condition decided each rule.')
    .argument(...ID)
    .argument('<record>', 'a JSON file, as the outside system has it')
    .addOption(folder())
    .addOption(prior())
    .addOption(action())
    .option('--remote', 'by the configuration in force, not by the files')
    .action(
      program.running(async (context, id: string, record: string, options: ExplainOptions) =>
        (await records()).explain(context, id, record, options),
      ),
    );
  group
    .command('watch')
    .description('Run the gate on this machine at each save, until Ctrl-C.')
    .argument(...ID)
    .addOption(folder())
    .action(
      program.running(async (context, id: string, options: FolderOptions) =>
        (await records()).watch(context, id, options),
      ),
    );
  const corpus = group.command('corpus').description('The examples of a configuration: add.');
  corpus
    .command('add')
    .summary('make an example of a record')
    .description(
      'Make an example of a record, with what comes of it today as what is expected; personal data is masked.',
    )
    .argument(...ID)
    .requiredOption('--name <name>', 'what the case is called')
    .option('--from-file <file>', 'the record is in this file')
    .option('--from-execution <run>', 'the record is the input of a run; `latest` is the newest')
    .option('--workflow <workflow>', 'whose run it is: name, name@version or id')
    .option('--at <path>', 'where the record is in that, such as payload.order')
    .addOption(folder())
    .addOption(prior())
    .addOption(action())
    .addOption(environment())
    .option('--no-mask', 'keep personal data')
    .action(
      program.running(async (context, id: string, options: AddCaseOptions) =>
        (await records()).addCase(context, id, options),
      ),
    );
}
