import { createHash } from 'node:crypto';

/**
 * The id of the run that a trigger starts for an event: a UUID of version 5 (RFC 9562) of the trigger's id in the
 * event's namespace. However often an event is delivered to a trigger, it is this one execution.
 */
export function runIdOf(eventId: string, triggerId: string): string {
  const bytes = createHash('sha1')
    .update(Buffer.from(eventId.replaceAll('-', ''), 'hex'))
    .update(triggerId.toLowerCase())
    .digest()
    .subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x50;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
