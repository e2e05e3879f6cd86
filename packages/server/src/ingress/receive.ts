import { createHash } from 'node:crypto';
import { LIMITS, PegasusError, valueAt, type IngressEventPayload } from '@pegasus-workflows/contracts';
import { failpoint, TokenBuckets } from '@pegasus-workflows/kit';
import { and, eq, getTableColumns, isNull } from 'drizzle-orm';
import { type EventDispatcher } from '../events/dispatcher.js';
import { recordEvent, type EventRow, type NewEvent } from '../events/record.js';
import { type Events } from '../events/service.js';
import { type Services } from '../infra/context.js';
import { Overtaken, type InboundEvents, type InboundPlan } from '../integrations/inbound.js';
import { type Tx } from '../infra/database.js';
import { integrationIngress, tenants } from '../infra/schema.js';
import { renderAcknowledgement, type Answer } from './acknowledge.js';
import { type IngressMetrics } from './metrics.js';
import { parsePayload } from './payload.js';
import { isRightToken, validSecrets } from './secrets.js';
import { rightSignature } from './signature.js';
import { type IngressRow } from './store.js';

/**
 * Job: takes a partner's call in: proves who called, writes the event, and only then says that it has it.
 *
 * Boundary: one call is one transaction (`recordEvent`); from there on the outbox has it. What the partner may say, and
 * what it is answered, are columns of the ingress.
 *
 * Invariants
 * 1. A call is acknowledged only after its event is committed: a crash before that is a call that the partner repeats.
 * 2. A delivery that comes again, by the value at `dedupPath` or by the very same signature over a signed time, makes no
 *    second event, and gets the acknowledgement of the first.
 * 3. Whoever cannot prove to be the partner learns nothing but that: which ingresses there are, 404 says by an id of 122
 *    random bits.
 * 4. Never more than {@link LIMITS.eventBytes} of a body are kept, and an ingress takes in what its rate allows:
 *    one partner cannot drown a tenant. Only calls that are proven count, so that a stranger cannot use the rate up.
 */
export interface IncomingCall {
  header: (name: string) => string | undefined;
  /** The path and query as the partner called it. */
  pathAndQuery: string;
  /** Reads the body, at most that many bytes. */
  read: (maxBytes: number) => Promise<Uint8Array>;
}

export interface ReceiverPorts {
  metrics: IngressMetrics;
  /** Whether an event may be recorded. */
  events: Pick<Events, 'requireValid'>;
  /** What is written besides the partner's event. */
  inbound: Pick<InboundEvents, 'plan' | 'gaveUp'>;
  /** Kicked after the commit of each new event. */
  dispatcher: Pick<EventDispatcher, 'kick'>;
}

/** At most this long a time passes unseen by `lastReceivedAt`, so that a busy ingress is not one hot row. */
const LAST_RECEIVED_MS = 10_000;
/** Times the rate: what may come at once. */
const BURST = 10;
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const BEARER = /^Bearer +(\S+)$/i;
/** Kept of every call. */
const ALWAYS_KEPT = ['content-type', 'user-agent'];
/** A text of control characters grows when it is written as JSON; a run's input has to stay below Temporal's 2 MiB. */
const PAYLOAD_BYTES = 1.5 * LIMITS.eventBytes;
/** Times that a plan is made for one call, whose record others change at the same moment. */
const PLANS = 10;
/** Longer values are told from one another by their digest. */
const DEDUP_VALUE_MAX = 200;

export class Receiver {
  readonly #services: Services;
  readonly #ports: ReceiverPorts;
  readonly #rate: TokenBuckets;

  constructor(services: Services, ports: ReceiverPorts) {
    this.#services = services;
    this.#ports = ports;
    const perSecond = services.settings.ingressPerSecond;
    this.#rate = new TokenBuckets({ perSecond, burst: perSecond * BURST }, services.clock);
  }

  /**
   * Throws NOT_FOUND, UNAUTHENTICATED, PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, VALIDATION_ERROR, RATE_LIMITED.
   */
  async receive(ingressId: string, call: IncomingCall): Promise<Answer> {
    const { received } = this.#ports.metrics;
    try {
      const { answer, isNew } = await this.#receive(ingressId, call);
      received.inc({ result: isNew ? 'accepted' : 'duplicate' });
      return answer;
    } catch (error) {
      received.inc({ result: error instanceof PegasusError ? error.code : 'INTERNAL_ERROR' });
      throw error;
    }
  }

  async #receive(ingressId: string, call: IncomingCall): Promise<{ answer: Answer; isNew: boolean }> {
    const row = ID.test(ingressId) ? await this.#find(ingressId) : undefined;
    if (!row?.enabled) throw nothingHere();
    const now = this.#services.clock();
    // A token can be refused before anything of the body is read; a signature needs all of it.
    if (row.auth === 'BEARER') requireToken(row, call, now);
    const bytes = await call.read(LIMITS.eventBytes);
    const proof = row.auth === 'HMAC' ? await this.#requireSignature(row, call, bytes, now) : undefined;
    const wait = this.#rate.take(row.id);
    if (wait > 0) {
      throw new PegasusError('RATE_LIMITED', `This ingress is called too often; call again in ${wait} s.`, {
        retryAfterSeconds: wait,
      });
    }
    const body = parsePayload(call.header('content-type'), bytes);
    const { event, isNew } = await this.#record(row, call, body, proof, now);
    failpoint('ingress.recorded');
    if (isNew) this.#ports.dispatcher.kick();
    const receivedAt = event.occurredAt.toISOString();
    return {
      answer: renderAcknowledgement(row.acknowledgement, { eventId: event.id, receivedAt, payload: body }),
      isNew,
    };
  }

  async #find(id: string): Promise<IngressRow | undefined> {
    const [row] = await this.#services.db.system((tx) =>
      tx
        .select(getTableColumns(integrationIngress))
        .from(integrationIngress)
        .innerJoin(tenants, eq(tenants.id, integrationIngress.tenantId))
        .where(and(eq(integrationIngress.id, id), isNull(tenants.disabledAt))),
    );
    return row;
  }

  /** A type that is gone or disabled takes no events in: to the partner, that is an ingress that is not there. */
  async #requireValid({ tenantId, eventType }: IngressRow, payload: IngressEventPayload): Promise<void> {
    if (Buffer.byteLength(JSON.stringify(payload)) > PAYLOAD_BYTES) {
      throw new PegasusError('PAYLOAD_TOO_LARGE', 'The body is too large once it is written as JSON.');
    }
    try {
      await this.#ports.events.requireValid(tenantId, eventType, { ...payload });
    } catch (error) {
      throw error instanceof PegasusError && error.code === 'NOT_FOUND' ? nothingHere() : error;
    }
  }

  async #requireSignature(
    row: IngressRow,
    call: IncomingCall,
    bytes: Uint8Array,
    now: Date,
  ): Promise<string> {
    const { vault, settings } = this.#services;
    const url = settings.publicUrl + call.pathAndQuery;
    const secrets = await validSecrets(vault, row, now);
    const right = row.signature && rightSignature(row.signature, secrets, { ...call, bytes, url, now });
    if (!right) throw unauthenticated();
    return right;
  }

  async #record(
    row: IngressRow,
    call: IncomingCall,
    body: unknown,
    proof: string | undefined,
    now: Date,
  ): Promise<{ event: EventRow; isNew: boolean }> {
    const payload: IngressEventPayload = {
      integrationId: row.integrationId,
      receivedAt: now.toISOString(),
      headers: keptHeaders(row, call),
      body,
    };
    await this.#requireValid(row, payload);
    const event: NewEvent = {
      tenantId: row.tenantId,
      type: row.eventType,
      payload: { ...payload },
      source: 'INGRESS',
      occurredAt: now,
      dedupKey: dedupKeyOf(row, call, body, proof),
    };
    const { inbound } = this.#ports;
    for (let attempt = 1; attempt <= PLANS; attempt += 1) {
      const plan = await inbound.plan(row, body, now);
      try {
        return await this.#write(row, event, plan);
      } catch (error) {
        if (!plan || !(error instanceof Overtaken || error instanceof PegasusError)) throw error;
        if (error instanceof Overtaken && attempt < PLANS) continue;
        inbound.gaveUp(row, error);
        break;
      }
    }
    return this.#write(row, event, undefined);
  }

  /** One transaction, invariants 1 and 2. */
  async #write(
    row: IngressRow,
    event: NewEvent,
    plan: InboundPlan | undefined,
  ): Promise<{ event: EventRow; isNew: boolean }> {
    return this.#services.db.tenant(row.tenantId, async (tx) => {
      const recorded = await recordEvent(tx, event);
      if (recorded.isNew) await plan?.apply(tx, recorded.row);
      await this.#touch(tx, row, event.occurredAt);
      return { event: recorded.row, isNew: recorded.isNew };
    });
  }

  async #touch(tx: Tx, { id, lastReceivedAt }: IngressRow, now: Date): Promise<void> {
    if (lastReceivedAt && now.getTime() - lastReceivedAt.getTime() < LAST_RECEIVED_MS) return;
    await tx.update(integrationIngress).set({ lastReceivedAt: now }).where(eq(integrationIngress.id, id));
  }
}

function nothingHere(): PegasusError {
  return new PegasusError('NOT_FOUND', 'There is nothing at this path.');
}

function requireToken(row: IngressRow, { header }: IncomingCall, now: Date): void {
  const token = BEARER.exec(header('authorization') ?? '')?.[1];
  if (token === undefined || !isRightToken(row, token, now)) throw unauthenticated();
}

/** One sentence for a missing, a wrong, an expired and a replayed proof. */
function unauthenticated(): PegasusError {
  return new PegasusError('UNAUTHENTICATED', 'This call is not proven to come from the partner.');
}

function keptHeaders({ keepHeaders }: IngressRow, { header }: IncomingCall): Record<string, string> {
  const names = [...new Set([...ALWAYS_KEPT, ...keepHeaders])];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = header(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** Which event this call is (invariant 2); null tells it from every other. */
function dedupKeyOf(
  row: IngressRow,
  { header }: IncomingCall,
  body: unknown,
  proof: string | undefined,
): string | null {
  // Encoded, because an id may hold colons: no id is the beginning of another's key.
  const prefix = `ingress:${encodeURIComponent(row.integrationId)}`;
  const path = row.dedupPath;
  const value = path?.startsWith('header:')
    ? header(path.slice(7))
    : path === null
      ? undefined
      : valueAt(body, path);
  if (['string', 'number', 'boolean'].includes(typeof value) && value !== '') {
    const text = String(value);
    const isShort = text.length <= DEDUP_VALUE_MAX && !text.startsWith('sha256:');
    return `${prefix}:${isShort ? text : `sha256:${createHash('sha256').update(text).digest('hex')}`}`;
  }
  const signsTime = row.signature?.signedContent.includes('timestamp');
  return signsTime && proof !== undefined ? `${prefix}:signature:${proof}` : null;
}
