import { type CreatedTenant, type QuotasRequest, type Tenant } from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { findTenant } from '../access/find.js';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { noteNextPage, readPage, type PageOptions } from '../options/page.js';
import { readBytes, readCount } from '../options/quantities.js';
import { printFacts } from '../output/facts.js';
import { formatBytes, formatTime } from '../output/format.js';
import { withProgress } from '../output/progress.js';
import { renderTable } from '../output/table.js';
import { confirm } from '../setup/confirm.js';
import { keepKey, printKept, type KeyPlaces } from '../setup/key-once.js';
import { printKey } from './keys.js';

interface QuotaOptions {
  maxOpen?: string;
  maxPerDay?: string;
  maxPayload?: string;
  maxStorage?: string;
  maxStarts?: string;
}
export interface CreateTenantOptions extends QuotaOptions, KeyPlaces {
  name?: string;
}
export interface UpdateTenantOptions extends QuotaOptions {
  name?: string;
  disable?: boolean;
  enable?: boolean;
  yes?: boolean;
}

/** `tenants create`. */
export async function create(context: Context, slug: string, options: CreateTenantOptions): Promise<void> {
  const quotas = readQuotas(options);
  const api = await connect(context);
  const { name: displayName } = options;
  const request = { slug, quotas, ...(displayName === undefined ? {} : { displayName }) };
  const make = (): Promise<CreatedTenant> => api.client.tenants.create(request);
  const { made, kept } = await keepKey(context, api, options, make, ({ adminKey }) => adminKey);
  const {
    adminKey: { key: _key, ...adminKey },
    ...tenant
  } = made;
  print(context, tenant);
  context.out.line();
  printKey(context, adminKey);
  printKept(context, kept);
  context.out.result({ ...tenant, adminKey: { ...adminKey, ...kept } });
}

/** `tenants list`. */
export async function list(context: Context, options: PageOptions): Promise<void> {
  const page = readPage(options);
  const { client } = await connect(context);
  const { out } = context;
  const tenants = await withProgress(out, 'reading tenants', () => client.tenants.list(page));
  out.result(tenants);
  const columns = [
    { title: 'tenant', keep: true },
    { title: 'name' },
    { title: 'state' },
    { title: 'made (UTC)' },
    { title: 'id', keep: true },
  ];
  const rows = tenants.map((tenant) => [
    tenant.slug,
    tenant.displayName ?? '',
    tenant.isPlatform ? 'platform' : tenant.disabledAt === null ? 'enabled' : 'disabled',
    formatTime(tenant.createdAt),
    tenant.id,
  ]);
  for (const line of renderTable(columns, rows, out.width)) out.line(line);
  noteNextPage(context, 'tenants list', tenants, options);
}

/** `tenants show`. */
export async function show(context: Context, named: string | undefined): Promise<void> {
  const { client } = await connect(context);
  const tenant = await withProgress(context.out, 'reading the tenant', () =>
    named === undefined ? client.tenants.own() : findTenant(client, named),
  );
  print(context, tenant);
  context.out.result(tenant);
}

/** `tenants update`. */
export async function update(context: Context, named: string, options: UpdateTenantOptions): Promise<void> {
  const quotas = readQuotas(options);
  const { name, disable, enable } = options;
  const request = {
    ...(name === undefined ? {} : { displayName: name === '' ? null : name }),
    ...(Object.keys(quotas).length === 0 ? {} : { quotas }),
    ...(disable || enable ? { disabled: disable ?? false } : {}),
  };
  if (Object.keys(request).length === 0)
    throw new PegasusError('VALIDATION_ERROR', 'Nothing says what is to change.', {
      hint: 'Give --name, a quota such as --max-open, --disable or --enable.',
    });
  const { client } = await connect(context);
  const { id, slug } = await findTenant(client, named);
  if (disable)
    await confirm(context, `Disable ${slug}? None of its keys works, and nothing of it starts.`, options.yes);
  const tenant = await client.tenants.update(id, request);
  print(context, tenant);
  context.out.result(tenant);
}

function readQuotas({ maxOpen, maxPerDay, maxPayload, maxStorage, maxStarts }: QuotaOptions): QuotasRequest {
  return {
    ...(maxOpen === undefined ? {} : { maxOpenExecutions: readCount('--max-open', maxOpen) }),
    ...(maxPerDay === undefined ? {} : { maxExecutionsPerDay: readCount('--max-per-day', maxPerDay) }),
    ...(maxPayload === undefined ? {} : { maxPayloadBytes: readBytes('--max-payload', maxPayload) }),
    ...(maxStorage === undefined ? {} : { maxStorageBytes: readBytes('--max-storage', maxStorage) }),
    ...(maxStarts === undefined ? {} : { maxStartsPerSecond: readCount('--max-starts', maxStarts) }),
  };
}

function print({ out }: Context, tenant: Tenant): void {
  const { maxOpenExecutions, maxExecutionsPerDay, maxPayloadBytes, maxStorageBytes, maxStartsPerSecond } =
    tenant.quotas;
  const bytes = (value: number | null): string | null => (value === null ? null : formatBytes(value));
  printFacts(out, tenant.slug, [
    ['id', tenant.id],
    ['name', tenant.displayName],
    ['platform', tenant.isPlatform ? 'its workflows are GLOBAL' : null],
    ['disabled', tenant.disabledAt && `since ${formatTime(tenant.disabledAt)} UTC`],
    ['open runs', maxOpenExecutions === null ? null : `at most ${maxOpenExecutions}`],
    ['runs a day', maxExecutionsPerDay === null ? null : `at most ${maxExecutionsPerDay}`],
    ['starts', maxStartsPerSecond === null ? null : `at most ${maxStartsPerSecond} a second`],
    ['payload', bytes(maxPayloadBytes)],
    ['storage', bytes(maxStorageBytes)],
  ]);
}
