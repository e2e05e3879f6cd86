import { Worker } from 'node:worker_threads';

/** Takes every core there is, on threads of its own, for so long. */
export async function spin(ms) {
  const loop = `const until = Date.now() + ${ms}; while (Date.now() < until);`;
  const threads = Array.from({ length: 4 }, () => new Worker(loop, { eval: true }));
  await Promise.all(threads.map((thread) => new Promise((ended) => thread.once('exit', ended))));
}

/** Blocks its process and says so without end, for so long. */
export async function shout(ms) {
  for (const until = Date.now() + ms; Date.now() < until;) console.log('x'.repeat(1_000));
}
