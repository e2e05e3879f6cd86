import { type Duplex } from 'node:stream';

/** Joins two connections: what one says the other hears, half-closes included; the end of one is the end of both. */
export function join(one: Duplex, other: Duplex): void {
  one.pipe(other).pipe(one);
  const end = (): void => {
    one.destroy();
    other.destroy();
  };
  for (const stream of [one, other]) {
    stream.on('error', end);
    stream.on('close', end);
  }
}
