import { Option, type Command } from 'commander';
import type { AuditOptions } from '../commands/audit.js';
import type { CreateKeyOptions, ListKeysOptions, RotateKeyOptions } from '../commands/keys.js';
import type { AddMemberOptions } from '../commands/members.js';
import type { CreateTenantOptions, UpdateTenantOptions } from '../commands/tenants.js';
import type { PageOptions } from '../options/page.js';
import { type Program } from './program.js';

const MEMBER = ['<member>', 'id, e-mail address or name of the service account'] as const;
const TENANT = ['<tenant>', 'slug or id'] as const;
const yes = (): Option => new Option('-y, --yes', 'do not ask');
const ROLES = 'such as workflow_developer; several with commas';

/** Who may do what: `whoami`, `keys …`, `members …`, `tenants …`, `audit`, `quotas`. */
export function addAccessCommands(program: Program): void {
  program
    .command('whoami')
    .description('Tenant, member and key that commands act as, and what the key may do.')
    .action(program.running(async (context) => (await import('../commands/whoami.js')).whoAmI(context)));
  addKeyCommands(program);
  addMemberCommands(program);
  addTenantCommands(program);
  addAuditCommand(program);
  program
    .command('quotas')
    .description("The tenant's limits, and how much of each is used.")
    .action(program.running(async (context) => (await import('../commands/quotas.js')).quotas(context)));
}

function addKeyCommands(program: Program): void {
  const keys = program.command('keys').description('API keys: list, create, rotate, revoke.');
  paged(keys.command('list').description('Keys that work, newest first; never a key itself.'))
    .option('--member <member>', 'only of this one: id, e-mail address or name of the service account')
    .option('--all', 'also those that work no more')
    .action(
      program.running(async (context, options: ListKeysOptions) =>
        (await import('../commands/keys.js')).list(context, options),
      ),
    );
  places(
    keys
      .command('create')
      .summary('a key, shown this once')
      .description('Make a key. It is shown this once: say where it goes.'),
  )
    .requiredOption('--roles <list>', ROLES)
    .option('--member <member>', 'whose key it is: id, e-mail address or name (default: yourself)')
    .option('--name <name>', 'what people call it')
    .option('--expires <time>', 'how long it works (12h, 90d) or until when, an ISO time in UTC')
    .action(
      program.running(async (context, options: CreateKeyOptions) =>
        (await import('../commands/keys.js')).create(context, options),
      ),
    );
  places(
    keys
      .command('rotate')
      .summary('a key that takes over from another')
      .description(
        'Make a key that takes over; the old one works until the overlap ends. It is shown this once: say where it goes.',
      )
      .argument('<key>', 'id of the key'),
  )
    .option('--overlap <time>', 'how long the old key goes on working, such as 15m; 0 ends it at once', '1h')
    .option('--expires <time>', 'how long the new key works (12h, 90d) or until when')
    .action(
      program.running(async (context, id: string, options: RotateKeyOptions) =>
        (await import('../commands/keys.js')).rotate(context, id, options),
      ),
    );
  keys
    .command('revoke')
    .description('A key that works no more, from the next call on.')
    .argument('<key>', 'id of the key')
    .addOption(yes())
    .action(
      program.running(async (context, id: string, options: { yes?: boolean }) =>
        (await import('../commands/keys.js')).revoke(context, id, options),
      ),
    );
}

function addMemberCommands(program: Program): void {
  const members = program
    .command('members')
    .description('People and service accounts: list, add, set-roles, disable, enable, remove.');
  paged(members.command('list').description('All of the tenant, newest first.')).action(
    program.running(async (context, options: PageOptions) =>
      (await import('../commands/members.js')).list(context, options),
    ),
  );
  members
    .command('add')
    .description('A person, by e-mail address, or a program, by name.')
    .addOption(new Option('--email <address>', 'a person').conflicts('serviceAccount'))
    .option('--service-account <name>', 'a program')
    .option('--name <name>', "the person's name (default: the address)")
    .requiredOption('--roles <list>', `what their keys may have at most, ${ROLES}`)
    .action(
      program.running(async (context, options: AddMemberOptions) =>
        (await import('../commands/members.js')).add(context, options),
      ),
    );
  members
    .command('set-roles')
    .description("What a member's keys may have at most; they follow at once.")
    .argument(...MEMBER)
    .argument('<roles>', ROLES)
    .action(
      program.running(async (context, member: string, roles: string) =>
        (await import('../commands/members.js')).setRoles(context, member, roles),
      ),
    );
  for (const [name, text] of [
    ['disable', 'None of its keys works, until it is enabled again.'],
    ['enable', 'Its keys work again.'],
  ] as const)
    members
      .command(name)
      .description(text)
      .argument(...MEMBER)
      .action(
        program.running(async (context, member: string) =>
          (await import('../commands/members.js'))[name](context, member),
        ),
      );
  members
    .command('remove')
    .description('Remove a member for good and revoke its keys.')
    .argument(...MEMBER)
    .addOption(yes())
    .action(
      program.running(async (context, member: string, options: { yes?: boolean }) =>
        (await import('../commands/members.js')).remove(context, member, options),
      ),
    );
}

function addTenantCommands(program: Program): void {
  const tenants = program
    .command('tenants')
    .description('Tenants of the platform: create, list, show, update. For keys of the platform tenant.');
  quotas(
    places(
      tenants
        .command('create')
        .summary("a tenant, and its administrator's first key")
        .description(
          "Make a tenant and its administrator's first key, which is shown this once: say where it goes.",
        )
        .argument('<slug>', 'lower-case letters, digits and "-"'),
    ).option('--name <name>', 'what people call it'),
  ).action(
    program.running(async (context, slug: string, options: CreateTenantOptions) =>
      (await import('../commands/tenants.js')).create(context, slug, options),
    ),
  );
  paged(tenants.command('list').description('All of them, newest first.')).action(
    program.running(async (context, options: PageOptions) =>
      (await import('../commands/tenants.js')).list(context, options),
    ),
  );
  tenants
    .command('show')
    .description('One tenant and its quotas.')
    .argument('[tenant]', 'slug or id (default: your own, which needs no permission)')
    .action(
      program.running(async (context, tenant: string | undefined) =>
        (await import('../commands/tenants.js')).show(context, tenant),
      ),
    );
  quotas(
    tenants
      .command('update')
      .description('Name a tenant, set its quotas, disable it or enable it.')
      .argument(...TENANT)
      .option('--name <name>', 'what people call it')
      .addOption(
        new Option('--disable', 'none of its keys works, and nothing of it starts').conflicts('enable'),
      )
      .option('--enable', 'they work again')
      .addOption(yes()),
  ).action(
    program.running(async (context, tenant: string, options: UpdateTenantOptions) =>
      (await import('../commands/tenants.js')).update(context, tenant, options),
    ),
  );
}

function addAuditCommand(program: Program): void {
  program
    .command('audit')
    .summary('who did what, and what was refused')
    .description('The audit log, newest first: every change and every refused attempt, never a value.')
    .option('--actor <who>', 'member (id, e-mail address or name), or the id of a key or of a run')
    .option('--object <what>', 'a kind such as api_keys, <kind>/<id or name>, or an id')
    .option('--operation <name>', 'INSERT, UPDATE, DELETE, CALL, or an act such as cancel')
    .option('--outcome <outcome>', 'DONE, ASKED or REFUSED')
    .option('--since <time>', 'at or after: how long ago (2h, 3d) or an ISO time in UTC')
    .option('--until <time>', 'before, in the same forms')
    .option('--tenant <tenant>', 'for the platform tenant: slug or id of another, none, or all')
    .option('--limit <n>', 'how many', '20')
    .option('--before <seq>', 'only older ones than this')
    .action(
      program.running(async (context, options: AuditOptions) =>
        (await import('../commands/audit.js')).audit(context, options),
      ),
    );
}

function paged(command: Command): Command {
  return command.option('--limit <n>', 'how many', '20').option('--before <id>', 'only older ones than this');
}

/** Where a key that is shown once goes. */
function places(command: Command): Command {
  return command
    .option('--out <file>', 'write it to a new file that only you can read')
    .option('--save-profile <name>', 'keep it as a new profile of the credentials file')
    .option('--show-key', 'print it');
}

function quotas(command: Command): Command {
  return command
    .option('--max-open <n>', "runs open at a time, or none for the platform's own limit")
    .option('--max-per-day <n>', 'runs started per day (UTC), or none')
    .option('--max-starts <n>', 'runs started per second in the long run, or none')
    .option('--max-payload <bytes>', 'largest input and event payload, such as 64K, or none')
    .option(
      '--max-storage <bytes>',
      'artifacts, stored values and projections together, such as 2G, or none',
    );
}
