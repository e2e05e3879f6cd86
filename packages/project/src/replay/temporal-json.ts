/**
 * Histories from and to Temporal's own JSON.
 *
 * `@temporalio/common` has the same, but takes the JSON codec and the message types from two places: where npm installs
 * two copies of protobufjs, which it does beside gRPC's older one, every call fails. Here both come from one place.
 */
import { createRequire } from 'node:module';
import type { temporal } from '@temporalio/proto';

/** A history as Temporal's own libraries hold it. */
export type History = temporal.api.history.v1.IHistory;

interface JsonCodec {
  fromJson(type: unknown, json: unknown, options: { ignoreUnknownFields: boolean }): History | null;
  toJson(type: unknown, message: unknown): unknown;
}
interface PatchedRoot {
  lookupType(name: string): { fromObject(object: object): object };
}

const HISTORY = 'temporal.api.history.v1.History';

function load(): { codec: JsonCodec; type: ReturnType<PatchedRoot['lookupType']> } {
  const here = createRequire(import.meta.url);
  const there = createRequire(here.resolve('@temporalio/proto'));
  const codec = there('protobufjs/ext/protojson') as JsonCodec;
  const { patchProtobufRoot } = here('@temporalio/proto/lib/patch-protobuf-root') as {
    patchProtobufRoot(root: unknown): PatchedRoot;
  };
  const root = patchProtobufRoot(here('@temporalio/proto'));
  return { codec, type: root.lookupType(HISTORY) };
}

let loaded: ReturnType<typeof load> | undefined;

/**
 * Reads Temporal's JSON. Fields of a newer Temporal are passed over; enum values may be spelled `EVENT_TYPE_TIMER_FIRED`
 * or, as older tools do, `TimerFired`.
 *
 * @throws Error naming the field that cannot be read
 */
export function historyFromJson(json: { events: unknown[] }): History {
  const { codec, type } = (loaded ??= load());
  const history = codec.fromJson(
    type,
    { events: json.events.map(spelledOut) },
    { ignoreUnknownFields: true },
  );
  if (history === null) throw new TypeError('there is no history');
  return history;
}

/** Writes Temporal's JSON: enum values as `EVENT_TYPE_TIMER_FIRED`, payloads in base64. */
export function historyToJson(history: History): { events: Record<string, unknown>[] } {
  const { codec, type } = (loaded ??= load());
  return codec.toJson(type, type.fromObject(history)) as { events: Record<string, unknown>[] };
}

/** Enums that older tools spell without their prefix. */
const PREFIXES: Record<string, string> = {
  eventType: 'EVENT_TYPE',
  kind: 'TASK_QUEUE_KIND',
  parentClosePolicy: 'PARENT_CLOSE_POLICY',
  workflowIdReusePolicy: 'WORKFLOW_ID_REUSE_POLICY',
  initiator: 'CONTINUE_AS_NEW_INITIATOR',
  retryState: 'RETRY_STATE',
};
/** Holds what authors wrote; a key there means nothing to us. */
const OPAQUE = new Set(['payloads', 'metadata', 'fields', 'indexedFields']);

function spelledOut(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(spelledOut);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]: [string, unknown]) => {
      const prefix = PREFIXES[key];
      if (prefix !== undefined && typeof inner === 'string' && /^[A-Z][a-z]/.test(inner))
        return [key, `${prefix}_${inner.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase()}`];
      return [key, OPAQUE.has(key) ? inner : spelledOut(inner)];
    }),
  );
}
