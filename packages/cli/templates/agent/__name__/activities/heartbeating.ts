import { heartbeat } from 'pegasus-workflows-sdk/activity';

const EVERY_MS = 10_000;

/**
 * Does work that may take minutes, and tells Temporal meanwhile that it goes on: a worker that died is noticed soon,
 * and a cancellation arrives.
 */
export async function heartbeating<T>(work: () => Promise<T>): Promise<T> {
  const beating = setInterval(() => heartbeat(), EVERY_MS);
  try {
    return await work();
  } finally {
    clearInterval(beating);
  }
}
