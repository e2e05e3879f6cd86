// npm run bench:noisy [-- --rounds 4] [-- --runs 50] [-- --noise spin,flood] [-- --starts 20]: what a tenant feels of
// another one that misbehaves with all it has, or with some of it; `--starts` is the misbehaving one's start rate, as
// an operator sets it. Quiet and noisy rounds alternate, so that whatever else this machine does hits both. Build first.
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { KINDS, latenciesOf, makeNoise, publishNoisy } from './lib/noise.mjs';
import { startPlatformSide } from './lib/platform-side.mjs';
import { quantile } from './lib/statistics.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '4' },
    runs: { type: 'string', default: '50' },
    noise: { type: 'string', default: KINDS.join(',') },
    starts: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const runs = Number(values.runs);
const kinds = values.noise.split(',');
const unknown = kinds.filter((kind) => !KINDS.includes(kind));
if (unknown.length > 0) throw new Error(`--noise: ${unknown.join(', ')} is none of ${KINDS.join(', ')}`);
/** Longer than a round takes; the noise is stopped before. */
const NOISE_SECONDS = 300;
/** After the noise its tenant is about a while longer (docs/limits.md), and the quiet one has its part of the machine only. */
const GONE_MS = 12_000;

const platform = await startPlatformSide();
try {
  const [loud, still] = platform.tenants;
  if (values.starts !== undefined)
    await still.client.tenants.update(loud.tenantId, {
      quotas: { maxStartsPerSecond: Number(values.starts) },
    });
  const ids = await publishNoisy(loud.client, ['quiet', 'noise', 'bomb']);
  const { quiet } = await publishNoisy(still.client, ['quiet']);
  await latenciesOf(still.client, quiet, 20);
  const access = { baseUrl: platform.url, token: loud.apiKey };
  const samples = { quiet: [], noisy: [] };
  const noise = { starts: 0, refused: 0, quarantined: 0 };
  for (let round = 0; round < rounds; round += 1) {
    if (round > 0) await delay(GONE_MS);
    samples.quiet.push(...(await latenciesOf(still.client, quiet, runs)));
    const { stop } = await makeNoise(access, ids, { seconds: NOISE_SECONDS, kinds });
    samples.noisy.push(...(await latenciesOf(still.client, quiet, runs)));
    for (const [what, count] of Object.entries(await stop())) noise[what] += count;
    console.error(
      `round ${round + 1} of ${rounds}: p50 ${quantile(samples.quiet.slice(-runs), 0.5).toFixed(0)} ms quiet, ` +
        `${quantile(samples.noisy.slice(-runs), 0.5).toFixed(0)} ms beside the noise`,
    );
  }
  const of = (values) => ({
    p50Ms: Math.round(quantile(values, 0.5)),
    p99Ms: Math.round(quantile(values, 0.99)),
  });
  const [before, beside] = [of(samples.quiet), of(samples.noisy)];
  const ratioP99 = Number((beside.p99Ms / before.p99Ms).toFixed(2));
  console.log(JSON.stringify({ kinds, quiet: before, noisy: beside, ratioP99, runs: runs * rounds, noise }));
} finally {
  await platform.close();
}
