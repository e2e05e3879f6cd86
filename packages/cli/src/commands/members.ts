import { type AddMemberRequest, type Member, type UpdateMemberRequest } from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { findMember } from '../access/find.js';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { noteNextPage, readPage, type PageOptions } from '../options/page.js';
import { readRoles } from '../options/roles.js';
import { printFacts } from '../output/facts.js';
import { formatTime } from '../output/format.js';
import { withProgress } from '../output/progress.js';
import { renderTable } from '../output/table.js';
import { confirm } from '../setup/confirm.js';

export interface AddMemberOptions {
  roles: string;
  email?: string;
  serviceAccount?: string;
  name?: string;
}

/** `members list`. */
export async function list(context: Context, options: PageOptions): Promise<void> {
  const page = readPage(options);
  const { client } = await connect(context);
  const { out } = context;
  const members = await withProgress(out, 'reading members', () => client.members.list(page));
  out.result(members);
  const columns = [
    { title: 'member', keep: true },
    { title: 'kind' },
    { title: 'roles' },
    { title: 'state' },
    { title: 'id', keep: true },
  ];
  const rows = members.map((member) => [
    member.email ?? member.name,
    member.kind === 'USER' ? 'person' : 'service account',
    rolesOf(member),
    member.disabledAt === null ? 'enabled' : 'disabled',
    member.id,
  ]);
  for (const line of renderTable(columns, rows, out.width)) out.line(line);
  noteNextPage(context, 'members list', members, options);
}

/** `members add`. */
export async function add(context: Context, options: AddMemberOptions): Promise<void> {
  const request = readMember(options);
  const { client } = await connect(context);
  const member = await client.members.add(request);
  print(context, member);
  context.out.note(
    context.out.noteColors.quiet(
      `make a key: pegasus-workflows keys create --member ${member.email ?? member.id} --roles ${options.roles}`,
    ),
  );
}

function readMember({ email, serviceAccount, name, roles }: AddMemberOptions): AddMemberRequest {
  if (email !== undefined)
    return { kind: 'USER', email, roles: readRoles(roles), ...(name === undefined ? {} : { name }) };
  if (serviceAccount !== undefined)
    return { kind: 'SERVICE_ACCOUNT', name: serviceAccount, roles: readRoles(roles) };
  throw new PegasusError('VALIDATION_ERROR', 'Nothing says who is added.', {
    hint: 'Add --email <address> for a person, or --service-account <name> for a program.',
  });
}

/** `members set-roles`. */
export async function setRoles(context: Context, named: string, roles: string): Promise<void> {
  await change(context, named, { roles: readRoles(roles) });
}

/** `members disable`. */
export async function disable(context: Context, named: string): Promise<void> {
  await change(context, named, { disabled: true });
}

/** `members enable`. */
export async function enable(context: Context, named: string): Promise<void> {
  await change(context, named, { disabled: false });
}

async function change(context: Context, named: string, request: UpdateMemberRequest): Promise<void> {
  const { client } = await connect(context);
  const { id } = await findMember(client, named);
  print(context, await client.members.update(id, request));
}

/** `members remove`. */
export async function remove(context: Context, named: string, options: { yes?: boolean }): Promise<void> {
  const { client } = await connect(context);
  const { id, email, name } = await findMember(client, named);
  const who = email ?? name;
  await confirm(context, `Remove ${who} and revoke all of its keys?`, options.yes);
  await client.members.remove(id);
  context.out.line(`${who} is a member no more; its keys are revoked.`);
  context.out.result({ removed: id });
}

function print({ out }: Context, member: Member): void {
  out.result(member);
  printFacts(out, member.email ?? member.name, [
    ['id', member.id],
    ['name', member.name],
    ['kind', member.kind === 'USER' ? 'person' : 'service account'],
    ['roles', rolesOf(member)],
    ['disabled', member.disabledAt && `since ${formatTime(member.disabledAt)} UTC`],
  ]);
}

function rolesOf({ roles }: Member): string {
  return roles?.join(', ') ?? 'what the keys say';
}
