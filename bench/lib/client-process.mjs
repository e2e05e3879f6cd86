// One caller in a process of its own, raw or platform by BENCH_SIDE. It measures what it is told to over IPC, with the
// same code for both sides, so that the two differ in nothing but the driver.
import { connectPlatform } from './platform-driver.mjs';
import { connectRaw } from './raw-driver.mjs';

const driver = await (process.env['BENCH_SIDE'] === 'raw' ? connectRaw() : connectPlatform());

/** Runs one after the other: how long the start call took, and start to result. Milliseconds. */
async function latency({ activities, runs }) {
  const samples = [];
  for (let run = 0; run < runs; run += 1) {
    const began = performance.now();
    const result = await driver.start({ activities });
    const started = performance.now();
    check(await result(), activities);
    samples.push({ start: started - began, total: performance.now() - began });
  }
  return samples;
}

/** `runs` runs with `inFlight` of them open at any time. Runs per second. */
async function throughput({ activities, runs, inFlight }) {
  let left = runs;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (left > 0) {
        left -= 1;
        check(await (await driver.start({ activities }))(), activities);
      }
    }),
  );
  return (runs * 1000) / (performance.now() - began);
}

function check(result, activities) {
  if (result !== activities) throw new Error(`wrong result ${JSON.stringify(result)}, not ${activities}`);
}

const MEASURES = { latency, throughput };

process.on('disconnect', () => process.exit(0));
process.on('message', ({ id, measure, options }) => {
  MEASURES[measure](options).then(
    (answer) => process.send({ id, answer }),
    (error) => process.send({ id, error: String(error?.stack ?? error) }),
  );
});
process.send({ type: 'ready' });
