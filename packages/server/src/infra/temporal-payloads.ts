import { PegasusError } from '@pegasus-workflows/contracts';
import {
  payloadCodec,
  PayloadTooLargeError,
  UnreadablePayloadError,
  type BlobAccess,
  type Payload,
  type PayloadKeys,
} from '@pegasus-workflows/kit/payloads';
import {
  decodeFailure,
  encodeToPayloads,
  loadDataConverter,
} from '@temporalio/common/lib/internal-non-workflow/index.js';
import { type temporal } from '@temporalio/proto';
import { failureOfEvent } from './temporal-events.js';
import { TemporalError } from './temporal.js';

/**
 * Job: what payloads pass through on their way to and from Temporal, with the keys of the tenant that the id of a
 * workflow or schedule names.
 *
 * Boundary: keys are the keyring's, blobs the blob store's, the format is the cipher's. Search attributes stay as they are, for Temporal
 * indexes them; the platform sets none.
 *
 * Invariants
 * 1. A payload is read with keys of the tenant of its run alone, whatever key it names: a run that holds another
 *    tenant's ciphertext gets nothing from it.
 * 2. What can never be read is shown as a marker that names the key; it makes nothing else unreadable.
 * 3. What cannot be read only now is an error where its value is kept (`exact`), and a marker where it is looked at
 *    (`shown`).
 * 4. What can never be kept (too large, over the tenant's quota) is `refused`, with the PegasusError that says so as cause.
 */
export interface PayloadSources {
  keys: (tenantId: string) => PayloadKeys;
  /** Where large payloads go; without it none does, and references stay unread. */
  blobs?: ((tenantId: string) => BlobAccess) | undefined;
}
export type Converter = ReturnType<typeof loadDataConverter>;
type IFailure = temporal.api.failure.v1.IFailure;
type IHistoryEvent = temporal.api.history.v1.IHistoryEvent;

const TENANT_OF = /^(?:wf|ch|tick|trigger|agent)\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\//;
/** Tenants whose converters are kept. */
const CAPACITY = 2_000;

export class TemporalPayloads {
  /** For what belongs to no tenant. */
  readonly plain: Converter = loadDataConverter(undefined);
  readonly #sources: PayloadSources | undefined;
  readonly #converters = new Map<string, { exact: Converter; shown: Converter }>();

  constructor(sources: PayloadSources | undefined) {
    this.#sources = sources;
  }

  /** For values that are kept or acted on. Rejects with TemporalError `unknown` when the keys cannot be had now. */
  exact(id: string): Converter {
    return this.#of(id)?.exact ?? this.plain;
  }

  /** For values that somebody looks at. Reading never rejects. */
  shown(id: string): Converter {
    return this.#of(id)?.shown ?? this.plain;
  }

  #of(id: string): { exact: Converter; shown: Converter } | undefined {
    const tenantId = TENANT_OF.exec(id)?.[1];
    if (tenantId === undefined || !this.#sources) return undefined;
    const known = this.#converters.get(tenantId);
    if (known) return known;
    const keys = this.#sources.keys(tenantId);
    const blobs = this.#sources.blobs?.(tenantId);
    const shown: PayloadKeys = { current: () => keys.current(), find: (keyId) => orUnreadable(keys, keyId) };
    const made = {
      exact: converterOf(tenantId, orTemporalError(keys), blobs && blobsOrTemporalError(blobs)),
      shown: converterOf(tenantId, shown, blobs && blobsOrGone(blobs)),
    };
    this.#converters.set(tenantId, made);
    if (this.#converters.size > CAPACITY) this.#converters.delete(this.#converters.keys().next().value!);
    return made;
  }
}

function converterOf(tenantId: string, keys: PayloadKeys, blobs: BlobAccess | undefined): Converter {
  return loadDataConverter({
    payloadCodecs: [payloadCodec(tenantId, keys, { unreadable: markerOf, blobs })],
  });
}

/** What stands where a payload cannot be read. */
export function markerOf({ keyId, message }: UnreadablePayloadError): Payload {
  return {
    metadata: { encoding: Buffer.from('json/plain') },
    data: Buffer.from(JSON.stringify({ unreadablePayload: { keyId, reason: message } })),
  };
}

async function orUnreadable(keys: PayloadKeys, keyId: string) {
  try {
    return await keys.find(keyId);
  } catch {
    throw new UnreadablePayloadError(keyId, 'which cannot be had now');
  }
}

/** Nothing was sent, but a start may be one that is repeated: so `unknown`. */
function orTemporalError(keys: PayloadKeys): PayloadKeys {
  const failed = (cause: unknown): never => {
    throw new TemporalError('the keys of its payloads cannot be had now', 'unknown', { cause });
  };
  return {
    current: () => settle(() => keys.current(), failed),
    find: (keyId) => settle(() => keys.find(keyId), failed),
  };
}

/** Keeping may be refused for good; any other failure is one of now. */
function blobsOrTemporalError({ limits, store }: BlobAccess): BlobAccess {
  const failed = (cause: unknown): never => {
    const isFinal = cause instanceof PegasusError && FINAL.includes(cause.code);
    if (isFinal) throw new TemporalError(cause.message, 'refused', { cause });
    throw new TemporalError('the bytes of a large value cannot be kept or had now', 'unknown', { cause });
  };
  return {
    limits,
    store: {
      put: (bytes) => store.put(bytes).catch(failed),
      get: (sha256) => store.get(sha256).catch(failed),
    },
  };
}

/** For those who look: what cannot be had now is as good as gone. */
function blobsOrGone({ limits, store }: BlobAccess): BlobAccess {
  const get: BlobAccess['store']['get'] = (sha256) => store.get(sha256).catch(() => undefined);
  return { limits, store: { put: (bytes) => store.put(bytes), get } };
}

/** Of those that keeping a value may end with: trying again changes nothing. */
const FINAL: readonly string[] = ['STORAGE_QUOTA_EXCEEDED', 'PAYLOAD_TOO_LARGE'];

/** A value as it is sent to Temporal. Throws TemporalError (invariants 3 and 4). */
export async function toPayloads(converter: Converter, ...values: unknown[]): Promise<Payload[]> {
  try {
    return (await encodeToPayloads(converter, ...values)) ?? [];
  } catch (error) {
    if (!(error instanceof PayloadTooLargeError)) throw error;
    const cause = new PegasusError('PAYLOAD_TOO_LARGE', sentence(error.message), { cause: error });
    throw new TemporalError(cause.message, 'refused', { cause });
  }
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Keys that are in memory stay synchronous. */
function settle<T>(ask: () => T | Promise<T>, failed: (cause: unknown) => never): T | Promise<T> {
  const answer = ask();
  return answer instanceof Promise ? answer.catch(failed) : answer;
}

/** A failure as its author threw it: payloads decoded, and what was sealed of its text put back. */
export async function readableFailure(converter: Converter, failure: IFailure): Promise<IFailure> {
  return restored(converter, await decodeFailure(converter.payloadCodecs, failure));
}

/** Those that timelines tell of; in place. */
export async function makeFailuresReadable(
  converter: Converter,
  events: readonly IHistoryEvent[],
): Promise<void> {
  for (const event of events) {
    const failure = failureOfEvent(event);
    if (failure) Object.assign(failure, await readableFailure(converter, failure));
  }
}

/**
 * Decodes every payload of a run's events, and puts the text of failures back. In place. One after another, since a few
 * references may stand for more than there is memory: stops beyond `maxBytes` of payloads, and then answers false.
 */
export async function makeReadable(
  converter: Converter,
  events: readonly IHistoryEvent[],
  maxBytes: number,
): Promise<boolean> {
  const [codec] = converter.payloadCodecs;
  if (!codec) return true;
  const payloads: Payload[] = [];
  const failures: IFailure[] = [];
  collect(events, payloads, failures);
  let left = maxBytes;
  for (const payload of payloads) {
    const [read] = await codec.decode([payload]);
    left -= read?.data?.length ?? 0;
    if (left < 0) return false;
    Object.assign(payload, read);
  }
  // The innermost first, as they were found last.
  for (const failure of failures.reverse()) Object.assign(failure, restored(converter, failure));
  return true;
}

/** Every payload but search attributes, and every failure, in the messages of Temporal's protocol. */
function collect(value: unknown, payloads: Payload[], failures: IFailure[]): void {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  const type = (value as { $type?: { fullName: string } }).$type?.fullName;
  if (type === '.temporal.api.common.v1.SearchAttributes') return;
  if (type === '.temporal.api.common.v1.Payload') payloads.push(value);
  else {
    if (type === '.temporal.api.failure.v1.Failure') failures.push(value);
    for (const inner of Object.values(value)) collect(inner, payloads, failures);
  }
}

/** Temporal's clients move message and stack of a failure into a payload; the inverse, for its causes too. */
function restored(converter: Converter, failure: IFailure): IFailure {
  const whole = failure.cause ? { ...failure, cause: restored(converter, failure.cause) } : failure;
  if (!failure.encodedAttributes) return whole;
  const sealed: unknown = attributesOf(converter, failure.encodedAttributes);
  if (typeof sealed !== 'object' || sealed === null) return whole;
  const { message, stack_trace: stackTrace, unreadablePayload } = sealed as Record<string, unknown>;
  const reason = (unreadablePayload as { reason?: unknown } | undefined)?.reason;
  return {
    ...whole,
    message: textOr(message, textOr(reason, failure.message ?? '')),
    stackTrace: textOr(stackTrace, failure.stackTrace ?? ''),
    encodedAttributes: null,
  };
}

function attributesOf({ payloadConverter }: Converter, payload: Payload): unknown {
  try {
    return payloadConverter.fromPayload(payload);
  } catch {
    return undefined;
  }
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}
