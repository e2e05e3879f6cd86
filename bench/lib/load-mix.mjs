/** What is asked for, and how often in a hundred requests. */
const MIX = { whoami: 15, 'list workflows': 10, 'list executions': 20, 'get execution': 50, start: 5 };
const KINDS = Object.entries(MIX).flatMap(([kind, times]) => Array.from({ length: times }, () => kind));
/** Has no factor in common with a hundred: every hundred requests hold the mix, well stirred. */
const STRIDE = 37;
/** An execution is asked for that was started not long ago, as a caller who waits for it does. */
const RECENT = 200;

/** @returns a `next` of {@link openLoop}, plain requests without an SDK's repetitions */
export function loadMix({ url, apiKey, workflowId, executionId }) {
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
    const kind = KINDS[(n * STRIDE) % KINDS.length];
    n += 1;
    return { kind, send: send[kind] };
  };
}
