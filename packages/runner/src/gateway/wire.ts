/**
 * Edits of serialized protobuf messages that touch nothing else: a history of thousands of events is not decoded to
 * change one id in it, and fields that this release does not know stay what they were.
 */
import protobuf from 'protobufjs/minimal.js';

/** What to do with a length-delimited field: change its bytes, or edit the message in it. */
export type Edit = ((value: Uint8Array) => Uint8Array) | EditTree;

/** Edits by field number. A repeated field is edited in each of its occurrences. */
export interface EditTree {
  readonly [field: number]: Edit;
}

const VARINT = 0;
const LENGTH_DELIMITED = 2;

/**
 * The message with its edits made; the very same bytes when no edit changed anything. An edit that changes nothing
 * answers with what it was given.
 *
 * @throws RangeError, Error when the bytes are no protobuf message
 */
export function editMessage(message: Uint8Array, tree: EditTree): Uint8Array {
  const reader = protobuf.Reader.create(message);
  const parts: Uint8Array[] = [];
  let kept = 0;
  while (reader.pos < reader.len) {
    const startsAt = reader.pos;
    const tag = reader.uint32();
    const edit = tree[tag >>> 3];
    if (edit === undefined || (tag & 7) !== LENGTH_DELIMITED) {
      reader.skipType(tag & 7);
      continue;
    }
    const value = reader.bytes();
    const edited = typeof edit === 'function' ? edit(value) : editMessage(value, edit);
    if (edited === value) continue;
    parts.push(
      message.subarray(kept, startsAt),
      protobuf.Writer.create().uint32(tag).uint32(edited.length).finish(),
      edited,
    );
    kept = reader.pos;
  }
  if (parts.length === 0) return message;
  return Buffer.concat([...parts, message.subarray(kept)]);
}

/** The bytes of a length-delimited field, the last one if it is there twice; empty when it is absent. */
export function fieldOf(message: Uint8Array, field: number): Uint8Array {
  const reader = protobuf.Reader.create(message);
  let found: Uint8Array = EMPTY;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag >>> 3 === field && (tag & 7) === LENGTH_DELIMITED) found = reader.bytes();
    else reader.skipType(tag & 7);
  }
  return found;
}

/** A varint field as a number, the last one if it is there twice; 0 when it is absent. */
export function numberOf(message: Uint8Array, field: number): number {
  const reader = protobuf.Reader.create(message);
  let found = 0;
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag >>> 3 === field && (tag & 7) === VARINT) found = Number(reader.int64());
    else reader.skipType(tag & 7);
  }
  return found;
}

/** An edit of a string field. */
export function editText(change: (text: string) => string): (value: Uint8Array) => Uint8Array {
  return (value) => {
    const text = textOf(value);
    const changed = change(text);
    return changed === text ? value : Buffer.from(changed, 'utf8');
  };
}

/** A string field's text. */
export function textOf(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8');
}

const EMPTY = new Uint8Array();
