import {
  type Connection,
  type CreateConnectionRequest,
  type ExternalAuthRequest,
} from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { formatDuration, formatTime } from '../output/format.js';
import { withProgress } from '../output/progress.js';
import { renderTable } from '../output/table.js';
import { confirm } from '../setup/confirm.js';

/** `connections list`: by name. */
export async function list(context: Context): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const connections = await withProgress(out, 'reading connections', () => client.connections.list());
  out.result(connections);
  if (connections.length === 0) {
    out.line('No connections yet. Create one: pegasus-workflows connections create <name> <url>');
    return;
  }
  const columns = [
    { title: 'name', keep: true },
    { title: 'auth' },
    { title: 'url', keep: true },
    { title: 'state' },
  ];
  const rows = connections.map(({ name, auth, baseUrl, enabled }) => [
    name,
    auth,
    baseUrl,
    enabled ? 'enabled' : 'disabled',
  ]);
  for (const line of renderTable(columns, rows, out.width)) out.line(line);
}

/** `connections show`. */
export async function show(context: Context, connection: string): Promise<void> {
  const { client } = await connect(context);
  const shown = await withProgress(context.out, 'reading the connection', () =>
    client.connections.get(connection),
  );
  print(context, shown);
}

export interface AuthOptions {
  auth?: string;
  secret?: string;
  header?: string;
  tokenUrl?: string;
  clientId?: string;
  scope?: string;
  audience?: string;
  clientAuth?: 'basic' | 'body';
  timeout?: string;
}

/** `connections create`. */
export async function create(
  context: Context,
  name: string,
  baseUrl: string,
  options: AuthOptions & { disabled?: boolean },
): Promise<void> {
  const request: CreateConnectionRequest = {
    name,
    baseUrl,
    ...(readAuth(options) ?? { auth: 'NONE' as const }),
    ...readTimeout(options),
    enabled: !options.disabled,
  };
  const { client } = await connect(context);
  const created = await withProgress(context.out, 'creating the connection', () =>
    client.connections.create(request),
  );
  print(context, created);
}

export interface UpdateOptions extends AuthOptions {
  url?: string;
  enable?: boolean;
  disable?: boolean;
}

/** `connections update`: what is not given stays. */
export async function update(context: Context, connection: string, options: UpdateOptions): Promise<void> {
  if (options.enable && options.disable) {
    throw new PegasusError('VALIDATION_ERROR', 'Give one of --enable and --disable.');
  }
  const request = {
    ...(options.url === undefined ? {} : { baseUrl: options.url }),
    ...readAuth(options),
    ...readTimeout(options),
    ...(options.enable || options.disable ? { enabled: options.enable === true } : {}),
  };
  if (Object.keys(request).length === 0) {
    throw new PegasusError('VALIDATION_ERROR', 'Nothing is to be changed; give at least one option.');
  }
  const { client } = await connect(context);
  const changed = await withProgress(context.out, 'changing the connection', () =>
    client.connections.update(connection, request),
  );
  print(context, changed);
}

/** `connections delete`. */
export async function remove(
  context: Context,
  connection: string,
  { yes }: { yes?: boolean },
): Promise<void> {
  const { client } = await connect(context);
  await confirm(context, `Delete the connection ${connection}?`, yes);
  await client.connections.delete(connection);
  context.out.result({ deleted: true });
  context.out.line(`The connection ${connection} is deleted.`);
}

export interface TestOptions {
  path: string;
  method: 'GET' | 'HEAD';
}

/** `connections test`: exit 1 unless there was a good answer. */
export async function test(context: Context, connection: string, options: TestOptions): Promise<number> {
  const { client } = await connect(context);
  const { out } = context;
  const result = await withProgress(out, 'asking the API', () =>
    client.connections.test(connection, { path: options.path, method: options.method }),
  );
  out.result(result);
  const took = formatDuration(result.durationMs);
  if (result.ok) out.line(`${connection} answered ${result.status} after ${took}.`);
  else out.line(`${connection} did not work: ${result.error ?? `status ${result.status}`} (${took})`);
  return result.ok ? 0 : 1;
}

const KINDS = {
  none: 'NONE',
  bearer: 'BEARER',
  'api-key': 'API_KEY',
  oauth2: 'OAUTH2_CLIENT_CREDENTIALS',
} as const;

/** Undefined when no option is about it. */
function readAuth(options: AuthOptions): ExternalAuthRequest | undefined {
  const { secret, header, tokenUrl, clientId, scope, audience, clientAuth } = options;
  const parts = { secret, header, tokenUrl, clientId, scope, audience, clientAuth };
  if (options.auth === undefined) {
    if (Object.values(parts).every((part) => part === undefined)) return undefined;
    throw needed('--auth', 'options about it');
  }
  const auth = KINDS[options.auth as keyof typeof KINDS];
  if (auth === 'NONE') return { auth };
  if (secret === undefined) throw needed('--secret', `--auth ${options.auth}`);
  const reference = readReference(secret);
  if (auth === 'BEARER') return { auth, authConfig: { tokenSecret: reference } };
  if (auth === 'API_KEY') {
    if (header === undefined) throw needed('--header', '--auth api-key');
    return { auth, authConfig: { header, valueSecret: reference } };
  }
  if (tokenUrl === undefined) throw needed('--token-url', '--auth oauth2');
  if (clientId === undefined) throw needed('--client-id', '--auth oauth2');
  return {
    auth,
    authConfig: {
      tokenUrl,
      clientId,
      clientSecret: reference,
      ...(scope === undefined ? {} : { scope }),
      ...(audience === undefined ? {} : { audience }),
      ...(clientAuth === undefined ? {} : { authStyle: clientAuth }),
    },
  };
}

/** `KEY`, or `group/KEY`. */
function readReference(text: string): { group?: string; key: string } {
  const slash = text.lastIndexOf('/');
  return slash < 0 ? { key: text } : { group: text.slice(0, slash), key: text.slice(slash + 1) };
}

function readTimeout({ timeout }: AuthOptions): { timeoutSeconds?: number } {
  if (timeout === undefined) return {};
  const timeoutSeconds = Number(timeout);
  if (Number.isInteger(timeoutSeconds) && timeoutSeconds >= 1 && timeoutSeconds <= 60) {
    return { timeoutSeconds };
  }
  throw new PegasusError('VALIDATION_ERROR', '--timeout must be a whole number from 1 to 60.');
}

function needed(option: string, by: string): PegasusError {
  return new PegasusError('VALIDATION_ERROR', `${option} is needed with ${by}.`, {
    hint: 'See `pegasus-workflows connections create --help`.',
  });
}

function print({ out }: Context, connection: Connection): void {
  out.result(connection);
  const facts: [string, string][] = [
    ['id', connection.id],
    ['url', connection.baseUrl],
    ['auth', connection.auth],
    ...Object.entries(connection.authConfig ?? {}).map(([name, value]): [string, string] => [
      name,
      shownValue(value),
    ]),
    ['timeout', `${connection.timeoutSeconds} s`],
    ['changed', `${formatTime(connection.updatedAt)} UTC`],
  ];
  out.line(out.colors.strong(`${connection.name}${connection.enabled ? '' : ' (disabled)'}`));
  for (const [name, value] of facts) out.line(`${out.colors.quiet(name.padEnd(14))}${value}`);
}

/** A secret by its name; anything else as it is. */
function shownValue(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const { group, key } = value as { group?: unknown; key?: unknown };
  return `secret ${String(group)}/${String(key)}`;
}
