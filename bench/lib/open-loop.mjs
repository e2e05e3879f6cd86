/**
 * Sends requests at fixed times, whatever becomes of those before: a server that falls behind is not waited for, and
 * what waits behind a slow answer counts with its whole wait. Latencies begin when a request was due.
 *
 * @param {{perSecond: number, seconds: number, next: () => {kind: string, send: () => Promise<void>}}} plan `send`
 *   rejects when the answer is not the one it should be
 * @returns {Promise<{latencies: Map<string, number[]>, errors: Map<string, number>, lateMs: number[]}>} milliseconds by
 *   kind, errors by sentence, and how much later than due requests were sent: what the sender itself costs
 */
export async function openLoop({ perSecond, seconds, next }) {
  const latencies = new Map();
  const errors = new Map();
  const lateMs = [];
  const underWay = new Set();
  const total = perSecond * seconds;
  const began = performance.now();

  const sendOne = async (due) => {
    lateMs.push(performance.now() - due);
    const { kind, send } = next();
    try {
      await send();
    } catch (error) {
      const what = `${kind}: ${error.message}`;
      errors.set(what, (errors.get(what) ?? 0) + 1);
    }
    if (!latencies.has(kind)) latencies.set(kind, []);
    latencies.get(kind).push(performance.now() - due);
  };

  for (let sent = 0; sent < total;) {
    for (; sent < total; sent += 1) {
      const due = began + (sent * 1_000) / perSecond;
      if (due > performance.now()) break;
      const request = sendOne(due).finally(() => underWay.delete(request));
      underWay.add(request);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(underWay);
  return { latencies, errors, lateMs };
}
