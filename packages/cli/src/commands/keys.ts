import { type ApiKey, type CreatedApiKey } from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { type PegasusClient } from 'pegasus-workflows-sdk/client';
import { findMember } from '../access/find.js';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { unmask } from '../credentials/mask.js';
import { noteNextPage, readPage, type PageOptions } from '../options/page.js';
import { readExpiry, readSeconds } from '../options/quantities.js';
import { readRoles } from '../options/roles.js';
import { printFacts } from '../output/facts.js';
import { formatTime } from '../output/format.js';
import { withProgress } from '../output/progress.js';
import { renderTable } from '../output/table.js';
import { confirm } from '../setup/confirm.js';
import { keepKey, printKept, type KeptKey, type KeyPlaces } from '../setup/key-once.js';

export interface ListKeysOptions extends PageOptions {
  member?: string;
  all?: boolean;
}
export interface CreateKeyOptions extends KeyPlaces {
  roles: string;
  member?: string;
  name?: string;
  expires?: string;
}
export interface RotateKeyOptions extends KeyPlaces {
  overlap: string;
  expires?: string;
}

/** `keys list`. */
export async function list(context: Context, options: ListKeysOptions): Promise<void> {
  const page = readPage(options);
  const { client } = await connect(context);
  const { out } = context;
  const keys = await withProgress(out, 'reading keys', async () => {
    const memberId = options.member === undefined ? undefined : (await findMember(client, options.member)).id;
    return client.keys.list({ ...page, memberId, all: options.all });
  });
  for (const { prefix } of keys) unmask(prefix);
  out.result(keys);
  if (keys.length === 0) {
    out.line('No key fits. With --all, those that work no more are shown too.');
    return;
  }
  const columns = [
    { title: 'key', keep: true },
    { title: 'begins' },
    { title: 'member' },
    { title: 'name' },
    { title: 'roles' },
    { title: 'until (UTC)', keep: true },
    { title: 'last used', keep: true },
  ];
  const rows = keys.map((key) => [
    key.id,
    `${key.prefix}…`,
    key.memberName,
    key.name ?? '',
    key.roles.join(', '),
    key.revokedAt === null ? formatDay(key.expiresAt) : 'revoked',
    formatDay(key.lastUsedAt),
  ]);
  for (const line of renderTable(columns, rows, out.width)) out.line(line);
  const flags = { member: options.member };
  noteNextPage(context, `keys list${options.all ? ' --all' : ''}`, keys, options, flags);
}

/** `keys create`. */
export async function create(context: Context, options: CreateKeyOptions): Promise<void> {
  const roles = readRoles(options.roles);
  const expiresAt = options.expires === undefined ? undefined : readExpiry('--expires', options.expires);
  const api = await connect(context);
  const memberId = await memberOf(api.client, options.member);
  const { name } = options;
  const request = {
    memberId,
    roles,
    ...(name === undefined ? {} : { name }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
  const make = (): Promise<CreatedApiKey> => api.client.keys.create(request);
  const { made, kept } = await keepKey(context, api, options, make, (key) => key);
  printMade(context, made, kept);
}

/** `keys rotate`. */
export async function rotate(context: Context, id: string, options: RotateKeyOptions): Promise<void> {
  const overlapSeconds = readSeconds('--overlap', options.overlap);
  const expiresAt = options.expires === undefined ? undefined : readExpiry('--expires', options.expires);
  const api = await connect(context);
  const request = { overlapSeconds, ...(expiresAt === undefined ? {} : { expiresAt }) };
  const make = (): Promise<CreatedApiKey> => api.client.keys.rotate(id, request);
  const { made, kept } = await keepKey(context, api, options, make, (key) => key);
  printMade(context, made, kept);
  context.out.note(
    overlapSeconds === 0 ? 'The old key works no more.' : `The old key works for ${options.overlap} more.`,
  );
}

/** `keys revoke`. */
export async function revoke(context: Context, id: string, options: { yes?: boolean }): Promise<void> {
  const { client } = await connect(context);
  await confirm(context, `Revoke the key ${id}? What uses it stops working at once.`, options.yes);
  await client.keys.revoke(id);
  context.out.line(`The key ${id} works no more.`);
  context.out.result({ revoked: id });
}

/** The day is enough to see which keys nobody needs; `--json` has the instant. */
function formatDay(iso: string | null): string {
  return formatTime(iso).slice(0, 10);
}

async function memberOf(client: PegasusClient, named: string | undefined): Promise<string> {
  if (named !== undefined) return (await findMember(client, named)).id;
  const { member } = await client.whoAmI();
  if (member) return member.id;
  throw new PegasusError('VALIDATION_ERROR', 'No member is named, and this call is made by none.', {
    hint: 'Add --member <id, e-mail address or name>.',
  });
}

function printMade(context: Context, { key: _key, ...made }: CreatedApiKey, kept: KeptKey): void {
  printKey(context, made);
  printKept(context, kept);
  context.out.result({ ...made, ...kept });
}

/** A key without the key. */
export function printKey({ out }: Context, key: ApiKey): void {
  unmask(key.prefix);
  printFacts(out, key.name ?? `${key.prefix}…`, [
    ['id', key.id],
    ['member', key.memberName],
    ['roles', key.roles.join(', ')],
    ['works until', key.expiresAt && `${formatTime(key.expiresAt)} UTC`],
    ['takes over', key.rotatedFromId],
  ]);
}
