/**
 * Asks all sides for the same thing, turn about, so that whatever else the machine does hits all alike.
 * @returns {Record<string, T[]>} the answers by side, one per round
 * @template T
 */
async function alternate(clients, rounds, measure, options) {
  const sides = Object.keys(clients);
  const answers = Object.fromEntries(sides.map((side) => [side, []]));
  for (let round = 0; round < rounds; round += 1) {
    // Who goes first changes too: the later ones find warmer caches, or a busier disk.
    const first = round % sides.length;
    for (const side of [...sides.slice(first), ...sides.slice(0, first)])
      answers[side].push(await clients[side].ask(measure, options));
  }
  return answers;
}

/**
 * Everything that is measured on all sides, by measure and side.
 * @param clients by side, from `spawnModule`
 * @param {{rounds: number, latencyRuns: number, chainRuns: number, throughputRounds: number, throughputRuns: number}} plan
 */
export async function measureSides(clients, plan, say) {
  say('warming up');
  await alternate(clients, 1, 'latency', { activities: 1, runs: plan.latencyRuns });
  await alternate(clients, 1, 'throughput', { activities: 1, runs: 80, inFlight: 40 });

  say('one activity');
  const one = await alternate(clients, plan.rounds, 'latency', { activities: 1, runs: plan.latencyRuns });
  say('ten activities');
  const ten = await alternate(clients, plan.rounds, 'latency', { activities: 10, runs: plan.chainRuns });
  say('40 in flight');
  const rate = await alternate(clients, plan.throughputRounds, 'throughput', {
    activities: 1,
    runs: plan.throughputRuns,
    inFlight: 40,
  });
  return {
    one: each(one, (rounds) => rounds.flat().map(({ total }) => total)),
    ten: each(ten, (rounds) => rounds.flat().map(({ total }) => total)),
    start: each(one, (rounds) => rounds.flat().map(({ start }) => start)),
    rate,
  };
}

function each(bySide, map) {
  return Object.fromEntries(Object.entries(bySide).map(([side, rounds]) => [side, map(rounds)]));
}
