import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { listen } from './listener.js';

it('a close answers what has begun, and waits for no connection that asks for nothing', async () => {
  let tellAsked = (): void => {};
  const asked = new Promise<void>((resolve) => (tellAsked = resolve));
  let answer = (_: Response): void => {};
  const answered = new Promise<Response>((resolve) => (answer = resolve));
  const listener = await listen(() => (tellAsked(), answered), { host: '127.0.0.1', port: 0 });
  const { port } = listener;

  const silent = connect(port, '127.0.0.1');
  await once(silent, 'connect');
  const request = fetch(`http://127.0.0.1:${port}/`);
  await asked;
  let isClosed = false;
  const closed = listener.close().then(() => (isClosed = true));
  await once(silent.resume(), 'close');
  expect(isClosed).toBe(false);
  await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
  answer(new Response('late'));
  // Its connection is kept alive by the client, and is idle only now.
  expect(await (await request).text()).toBe('late');
  await closed;
});
