import { randomUUID } from 'node:crypto';
import {
  type createIngressRequestSchema,
  DEFAULT_INGRESS_EVENT_TYPE,
  INGRESS_PRESETS,
  PegasusError,
  acknowledgementSchema,
  type rotateIngressRequestSchema,
  signatureSchemeSchema,
  type updateIngressRequestSchema,
  type Ingress,
  type IngressPreset,
  type IngressWithSecret,
} from '@pegasus-workflows/contracts';
import { type z } from 'zod';
import { isKnownEventType } from '../events/types-store.js';
import { type Principal, type Services } from '../infra/context.js';
import { type Tx } from '../infra/database.js';
import { integrationIngress } from '../infra/schema.js';
import { makeHmacSecret, makeToken, placeOf, validSecrets } from './secrets.js';
import { findIngress, listIngress, lockIngress, ofIntegration, toIngress, type IngressRow } from './store.js';

/**
 * Job: what a tenant says of its ingresses: which partner, how it proves itself, what it is answered.
 *
 * Boundary: rows of `integration_ingress`, each change one transaction, written down by the audit trigger. Receiving is
 * `receive.ts`.
 *
 * Invariants
 * 1. A secret is answered once, by the call that made it; a secret that the caller gave is never answered.
 * 2. After a rotation the new secret works at once, and the one before it until the overlap ends; older ones do not.
 * 3. One integration of a tenant has at most one ingress.
 */
type CreateRequest = z.output<typeof createIngressRequestSchema>;
type UpdateRequest = z.output<typeof updateIngressRequestSchema>;
type RotateRequest = z.output<typeof rotateIngressRequestSchema>;

export class IngressService {
  readonly #services: Services;

  constructor(services: Services) {
    this.#services = services;
  }

  /** Throws CONFLICT when the integration has one. */
  async create(
    principal: Principal,
    integrationId: string,
    request: CreateRequest,
  ): Promise<IngressWithSecret> {
    const { tenantId, principalId } = principal;
    const id = randomUUID();
    const wanted = withPreset(request);
    const made =
      wanted.signature === null
        ? makeToken()
        : await makeHmacSecret(
            this.#services.vault,
            placeOf({ tenantId, id }),
            wanted.signature,
            request.secret,
          );
    const row = await this.#inTenant(tenantId, async (tx) => {
      await requireEventType(tx, wanted.eventType);
      const [inserted] = await tx
        .insert(integrationIngress)
        .values({ id, tenantId, integrationId, ...wanted, ...made.columns, createdByUserId: principalId })
        .onConflictDoNothing({ target: [integrationIngress.tenantId, integrationIngress.integrationId] })
        .returning();
      return inserted;
    });
    if (!row) {
      throw new PegasusError(
        'CONFLICT',
        'This integration has an ingress already; change it with PATCH, or rotate its secret.',
      );
    }
    return { ...this.#shown(row), secret: made.shown };
  }

  async list({ tenantId }: Principal): Promise<Ingress[]> {
    const rows = await this.#inTenant(tenantId, (tx) => listIngress(tx, tenantId));
    return rows.map((row) => this.#shown(row));
  }

  async get({ tenantId }: Principal, integrationId: string): Promise<Ingress> {
    return this.#shown(
      required(await this.#inTenant(tenantId, (tx) => findIngress(tx, tenantId, integrationId))),
    );
  }

  async update({ tenantId }: Principal, integrationId: string, request: UpdateRequest): Promise<Ingress> {
    const row = await this.#inTenant(tenantId, async (tx) => {
      const present = required(await lockIngress(tx, tenantId, integrationId));
      if (request.signature !== undefined && present.auth === 'BEARER') {
        throw new PegasusError(
          'VALIDATION_ERROR',
          'signature: must be left out: this ingress takes a bearer token.',
        );
      }
      const encoding = request.signature?.secretEncoding;
      if (encoding !== undefined && encoding !== present.signature?.secretEncoding) {
        throw new PegasusError(
          'VALIDATION_ERROR',
          'signature.secretEncoding: cannot change, because the secret was made for it; delete the ingress and create it again.',
        );
      }
      if (request.eventType !== undefined) await requireEventType(tx, request.eventType);
      return change(tx, present, { ...request, updatedAt: this.#services.clock() });
    });
    return this.#shown(row);
  }

  async rotate(
    { tenantId }: Principal,
    integrationId: string,
    request: RotateRequest,
  ): Promise<IngressWithSecret> {
    const { vault, clock } = this.#services;
    return this.#inTenant(tenantId, async (tx) => {
      const row = required(await lockIngress(tx, tenantId, integrationId));
      const now = clock();
      const overlap = {
        previousTokenHash: row.tokenHash,
        previousExpiresAt: new Date(now.getTime() + request.overlapSeconds * 1_000),
        updatedAt: now,
      };
      if (row.signature === null) {
        if (request.secret !== undefined) {
          throw new PegasusError(
            'VALIDATION_ERROR',
            'secret: must be left out: a token is made for this ingress.',
          );
        }
        const made = makeToken();
        return { ...this.#shown(await change(tx, row, { ...overlap, ...made.columns })), secret: made.shown };
      }
      const made = await makeHmacSecret(vault, placeOf(row), row.signature, request.secret);
      // Sealed anew, so that one master key is enough for both.
      const [current] = await validSecrets(vault, row, now);
      const { sealed: previousSecret } = await vault.seal(placeOf(row), current!);
      const changed = await change(tx, row, { ...overlap, ...made.columns, previousSecret });
      return { ...this.#shown(changed), secret: made.shown };
    });
  }

  async remove({ tenantId }: Principal, integrationId: string): Promise<void> {
    const gone = await this.#inTenant(tenantId, (tx) =>
      tx
        .delete(integrationIngress)
        .where(ofIntegration(tenantId, integrationId))
        .returning({ id: integrationIngress.id }),
    );
    if (gone.length === 0) throw notFound();
  }

  #shown(row: IngressRow): Ingress {
    return toIngress(row, this.#services.settings.publicUrl, this.#services.clock());
  }

  #inTenant<T>(tenantId: string, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.#services.db.tenant(tenantId, work);
  }
}

async function requireEventType(tx: Tx, name: string): Promise<void> {
  if (await isKnownEventType(tx, name)) return;
  throw new PegasusError(
    'VALIDATION_ERROR',
    `eventType: there is no event type ${JSON.stringify(name)}; create it first.`,
  );
}

/** What is undefined stays as it is. */
type Changes = { [K in keyof IngressRow]?: IngressRow[K] | undefined };

async function change(tx: Tx, row: IngressRow, columns: Changes): Promise<IngressRow> {
  const [changed] = await tx
    .update(integrationIngress)
    .set(columns)
    .where(ofIntegration(row.tenantId, row.integrationId))
    .returning();
  return required(changed);
}

/** What the request says, and where it says nothing, what is known of the partner. */
function withPreset(request: CreateRequest) {
  const preset: IngressPreset | undefined = request.preset && INGRESS_PRESETS[request.preset];
  const signature = request.signature ?? (preset && signatureSchemeSchema.parse(preset.signature)) ?? null;
  const known = preset?.acknowledgement && acknowledgementSchema.parse(preset.acknowledgement);
  return {
    auth: signature === null ? ('BEARER' as const) : ('HMAC' as const),
    signature,
    eventType: request.eventType ?? DEFAULT_INGRESS_EVENT_TYPE,
    dedupPath: request.dedupPath ?? preset?.dedupPath ?? null,
    keepHeaders: request.keepHeaders ?? [...(preset?.keepHeaders ?? [])],
    acknowledgement: request.acknowledgement ?? known ?? null,
    enabled: request.enabled ?? true,
  };
}

function required(row: IngressRow | undefined): IngressRow {
  if (!row) throw notFound();
  return row;
}

function notFound(): PegasusError {
  return new PegasusError('NOT_FOUND', 'This integration has no ingress.');
}
