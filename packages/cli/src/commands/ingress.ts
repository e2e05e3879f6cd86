import {
  acknowledgementSchema,
  ingressAuthSchema,
  ingressPresetSchema,
  signatureSchemeSchema,
  type Ingress,
} from '@pegasus-workflows/contracts';
import { PegasusError } from '@pegasus-workflows/contracts/errors';
import { connect } from '../api.js';
import { type Context } from '../context.js';
import { readShapedJson, requireShape } from '../options/shaped-json.js';
import { readSpan } from '../options/span.js';
import { given, switched, type SwitchOptions } from '../options/switched.js';
import { printFacts } from '../output/facts.js';
import { formatTime } from '../output/format.js';
import { withProgress } from '../output/progress.js';
import { renderTable } from '../output/table.js';
import { confirm } from '../setup/confirm.js';
import { readGivenSecret, type GivenSecretOptions } from '../setup/given-secret.js';
import { keepSecret, printKept, type SecretOptions } from '../setup/secret-once.js';

interface IngressFields {
  signature?: string;
  eventType?: string;
  dedup?: string;
  keepHeader?: string[];
  acknowledge?: string;
}
export interface CreateIngressOptions extends IngressFields, SecretOptions, GivenSecretOptions {
  preset?: string;
  auth?: string;
  disabled?: boolean;
}
export interface ChangeIngressOptions extends IngressFields, SwitchOptions {}
export interface RotateIngressOptions extends SecretOptions, GivenSecretOptions {
  overlap?: string;
}

/** `ingress list`. */
export async function list(context: Context): Promise<void> {
  const { client } = await connect(context);
  const { out } = context;
  const all = await withProgress(out, 'reading ingresses', () => client.ingress.list());
  out.result(all);
  if (all.length === 0) {
    out.line('No partner can call yet. Open an ingress: pegasus-workflows ingress create <integration>');
    return;
  }
  const table = renderTable(
    [
      { title: 'integration', keep: true },
      { title: 'proof' },
      { title: 'event type' },
      { title: 'state' },
      { title: 'last call (UTC)' },
    ],
    all.map((one) => [
      one.integrationId,
      one.auth,
      one.eventType,
      one.enabled ? 'enabled' : 'disabled',
      formatTime(one.lastReceivedAt),
    ]),
    out.width,
  );
  for (const line of table) out.line(line);
}

/** `ingress show`. */
export async function show(context: Context, integration: string): Promise<void> {
  const { client } = await connect(context);
  const ingress = await withProgress(context.out, 'reading the ingress', () =>
    client.ingress.get(integration),
  );
  print(context, ingress);
  context.out.result(ingress);
}

/** `ingress create`: the secret goes where the options say, unless the partner has made it. */
export async function create(
  context: Context,
  integration: string,
  options: CreateIngressOptions,
): Promise<void> {
  const { preset, auth, dedup, acknowledge } = options;
  if (preset === undefined && auth === undefined)
    throw new PegasusError('VALIDATION_ERROR', 'How callers prove themselves was not given.', {
      hint: 'Give --preset <partner>, --auth bearer, or --auth hmac with --signature.',
    });
  const request = {
    ...given({
      preset: preset === undefined ? undefined : requireShape('--preset', preset, ingressPresetSchema),
      auth: auth === undefined ? undefined : requireShape('--auth', auth.toUpperCase(), ingressAuthSchema),
      dedupPath: dedup,
      acknowledgement:
        acknowledge === undefined
          ? undefined
          : await readShapedJson(context, '--acknowledge', acknowledge, acknowledgementSchema),
      secret: await readGivenSecret(context, options),
    }),
    ...(await readCommon(context, options)),
    ...(options.disabled ? { enabled: false } : {}),
  };
  const { client } = await connect(context);
  // One that the partner has made is known: there is nothing to keep.
  const place = request.secret === undefined ? options : { showSecret: true };
  const { made, kept } = await keepSecret(context, place, () => client.ingress.create(integration, request));
  print(context, made);
  printKept(context, kept);
  context.out.result({ ...made, ...kept });
}

/** `ingress update`. */
export async function update(
  context: Context,
  integration: string,
  options: ChangeIngressOptions,
): Promise<void> {
  const { dedup, acknowledge } = options;
  const change = {
    ...given({
      dedupPath: dedup === '' ? null : dedup,
      acknowledgement:
        acknowledge === undefined
          ? undefined
          : await readShapedJson(context, '--acknowledge', acknowledge, acknowledgementSchema.nullable()),
    }),
    ...(await readCommon(context, options)),
    ...switched(options),
  };
  if (Object.keys(change).length === 0)
    throw new PegasusError('VALIDATION_ERROR', 'Nothing to change was given.', {
      hint: 'See what can be changed: pegasus-workflows ingress update --help',
    });
  const { client } = await connect(context);
  const changed = await client.ingress.update(integration, change);
  print(context, changed);
  context.out.result(changed);
}

/** `ingress rotate`. */
export async function rotate(
  context: Context,
  integration: string,
  options: RotateIngressOptions,
): Promise<void> {
  const secret = await readGivenSecret(context, options);
  const request = {
    ...(options.overlap === undefined ? {} : { overlapSeconds: readSpan('--overlap', options.overlap) }),
    ...(secret === undefined ? {} : { secret }),
  };
  const { client } = await connect(context);
  const place = secret === undefined ? options : { showSecret: true };
  const { made, kept } = await keepSecret(context, place, () => client.ingress.rotate(integration, request));
  print(context, made);
  printKept(context, kept);
  context.out.result({ ...made, ...kept });
}

/** `ingress delete`. */
export async function remove(
  context: Context,
  integration: string,
  options: { yes?: boolean },
): Promise<void> {
  const { client } = await connect(context);
  await confirm(
    context,
    `Close the ingress of ${integration}? Its partner's calls fail from now on.`,
    options.yes,
  );
  await client.ingress.delete(integration);
  context.out.line(`${context.out.colors.good('✓')} the ingress of ${integration} is closed.`);
  context.out.result({ deleted: integration });
}

async function readCommon(context: Context, { signature, eventType, keepHeader }: IngressFields) {
  return given({
    signature:
      signature === undefined
        ? undefined
        : await readShapedJson(context, '--signature', signature, signatureSchemeSchema),
    eventType,
    keepHeaders: keepHeader,
  });
}

function print({ out }: Context, ingress: Ingress): void {
  const { signature, acknowledgement } = ingress;
  const time = (iso: string | null): string | null => iso && `${formatTime(iso)} UTC`;
  printFacts(out, ingress.integrationId, [
    ['url', ingress.url],
    ['proof', ingress.auth],
    ['signature', signature && JSON.stringify(signature)],
    ['begins with', ingress.secretPrefix],
    ['old one until', time(ingress.previousSecretExpiresAt)],
    ['event type', ingress.eventType],
    ['told apart by', ingress.dedupPath ?? 'nothing: a repeated call is another event'],
    ['keeps', ingress.keepHeaders.join(', ')],
    ['answers', acknowledgement && JSON.stringify(acknowledgement)],
    ['state', ingress.enabled ? 'enabled' : 'disabled: calls are refused'],
    ['last call', time(ingress.lastReceivedAt)],
  ]);
}
