import { expect, it } from 'vitest';
import { freePort } from '../process/ports.js';
import { waitForTemporal } from './health.js';

it('names the address, the time and the reason when nothing answers', async () => {
  const address = `127.0.0.1:${await freePort('127.0.0.1')}`;
  const waiting = waitForTemporal({ address, namespace: 'default', tls: false }, { timeoutMs: 500 });
  await expect(waiting).rejects.toThrow(`Temporal at ${address} did not answer within 0.5 s: `);
});

it('stops waiting when it is told to', async () => {
  const address = `127.0.0.1:${await freePort('127.0.0.1')}`;
  const signal = AbortSignal.abort(new Error('it exited'));
  const waiting = waitForTemporal({ address, namespace: 'default', tls: false }, { timeoutMs: 500, signal });
  await expect(waiting).rejects.toThrow('it exited');
});
