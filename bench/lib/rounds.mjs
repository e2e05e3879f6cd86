/**
 * Asks all sides for the same thing, turn about, so that whatever else the machine does hits all alike.
 * @returns {Record<string, T[]>} the answers by side, one per round, each with the processor time of its runs
 * @template T
 */
async function alternate(clients, rounds, measure, options, cpuMs) {
  const sides = Object.keys(clients);
  const answers = Object.fromEntries(sides.map((side) => [side, []]));
  for (let round = 0; round < rounds; round += 1) {
    // Who goes first changes too: the later ones find warmer caches, or a busier disk.
    const first = round % sides.length;
    for (const side of [...sides.slice(first), ...sides.slice(0, first)]) {
      const before = cpuMs(side);
      const answer = await clients[side].ask(measure, options);
      answers[side].push({ answer, cpuMs: (cpuMs(side) - before) / options.runs });
    }
  }
  return answers;
}

/**
 * Everything that is measured on all sides, by measure and side.
 * @param clients by side, from `spawnModule`
 * @param {{rounds: number, latencyRuns: number, chainRuns: number, throughputRounds: number, throughputRuns: number}} plan
 * @param {(side: string) => number} cpuMs processor time that a side has taken so far
 */
export async function measureSides(clients, plan, say, cpuMs = () => Number.NaN) {
  const ask = (rounds, measure, options) => alternate(clients, rounds, measure, options, cpuMs);
  say('warming up');
  await ask(1, 'latency', { activities: 1, runs: plan.latencyRuns });
  await ask(1, 'throughput', { activities: 1, runs: 80, inFlight: 40 });

  say('one activity');
  const one = await ask(plan.rounds, 'latency', { activities: 1, runs: plan.latencyRuns });
  say('ten activities');
  const ten = await ask(plan.rounds, 'latency', { activities: 10, runs: plan.chainRuns });
  say('40 in flight');
  const load = { activities: 1, runs: plan.throughputRuns, inFlight: 40 };
  const rate = await ask(plan.throughputRounds, 'throughput', load);
  const runsOf = (key) => (rounds) => rounds.flatMap(({ answer }) => answer.map((run) => run[key]));
  const cpuOf = (rounds) => rounds.map((round) => round.cpuMs);
  return {
    one: each(one, runsOf('total')),
    ten: each(ten, runsOf('total')),
    start: each(one, runsOf('start')),
    rate: each(rate, (rounds) => rounds.map(({ answer }) => answer)),
    cpuOne: each(one, cpuOf),
    cpuTen: each(ten, cpuOf),
    cpuRate: each(rate, cpuOf),
  };
}

/** Samples of several sittings as if they were of one. */
export function pooled(sittings) {
  const [first] = sittings;
  return each(first, (_, measure) =>
    each(first[measure], (_samples, side) => sittings.flatMap((sitting) => sitting[measure][side])),
  );
}

function each(byName, map) {
  return Object.fromEntries(Object.entries(byName).map(([name, value]) => [name, map(value, name)]));
}
