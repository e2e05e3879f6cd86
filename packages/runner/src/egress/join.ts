import { pipeline, type Duplex } from 'node:stream';

/** Joins two connections: what one says the other hears, half-closes included; what breaks one breaks both. */
export function join(one: Duplex, other: Duplex): void {
  const broken = (error: Error | null | undefined): void => {
    if (!error) return;
    one.destroy();
    other.destroy();
  };
  pipeline(one, other, broken);
  pipeline(other, one, broken);
}
