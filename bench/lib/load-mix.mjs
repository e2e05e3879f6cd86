/** How often each is asked for in a hundred requests; the rest are `get execution`. */
const OTHERS = { whoami: 15, 'list workflows': 10, 'list executions': 20 };
/** Has no factor in common with a hundred: every hundred requests hold the mix, well stirred. */
const STRIDE = 37;
/** An execution is asked for that was started not long ago, as a caller who waits for it does. */
const RECENT = 200;

/** Every kind of request as often as it is asked for in a hundred. */
function kindsOf(starts) {
  const gets = 100 - starts - Object.values(OTHERS).reduce((sum, times) => sum + times, 0);
  const mix = Object.entries({ ...OTHERS, start: starts, 'get execution': gets });
  return mix.flatMap(([kind, times]) => Array.from({ length: times }, () => kind));
}

/**
 * @param starts of a hundred requests, at most 50
 * @returns a `next` of {@link openLoop}, plain requests without an SDK's repetitions
 */
export function loadMix({ url, apiKey, workflowId, executionId, starts }) {
  const kinds = kindsOf(starts);
  const recent = [executionId];
  let n = 0;
  const call = async (method, path, body) => {
    const response = await fetch(`${url}/api/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${response.status} ${answer.code}`);
    return answer.data;
  };
  const send = {
    whoami: () => call('GET', 'whoami'),
    'list workflows': () => call('GET', 'workflows'),
    'list executions': () => call('GET', `workflows/${workflowId}/executions?limit=20`),
    'get execution': () => call('GET', `workflows/${workflowId}/executions/${recent[n % recent.length]}`),
    async start() {
      const { id } = await call('POST', `workflows/${workflowId}/run`, { input: { activities: 1 } });
      recent.push(id);
      if (recent.length > RECENT) recent.shift();
    },
  };
  return () => {
    const kind = kinds[(n * STRIDE) % kinds.length];
    n += 1;
    return { kind, send: send[kind] };
  };
}
