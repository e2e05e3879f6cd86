import { createHash } from 'node:crypto';

/** The id of the execution of a trigger's tick: one trigger and one instant are one id, on every server, for ever. */
export function tickExecutionId(triggerId: string, scheduledAt: Date): string {
  const hash = createHash('sha1')
    .update(Buffer.from(triggerId.replaceAll('-', ''), 'hex'))
    .update(scheduledAt.toISOString())
    .digest();
  // RFC 9562, version 5.
  hash[6] = (hash[6]! & 0x0f) | 0x50;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = hash.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    '-',
  );
}
