import { ApplicationFailure, cancellationSignal } from 'pegasus-workflows-sdk/activity';
import type { Message, Turn } from '../messages.js';
import { TOOLS } from '../tools.js';
import { heartbeating } from './heartbeating.js';

/**
 * One turn of the model, over any OpenAI-compatible API. Settings, all from the environment: `MODEL_URL` (such as
 * `http://localhost:11434/v1`), `MODEL_NAME`, and `MODEL_API_KEY` where one is needed. They are read here and not in
 * the workflow, so a key never enters the history.
 *
 * @throws ApplicationFailure of type `ModelRefused`, not retryable, when trying again cannot help
 */
export async function askModel(messages: Message[], idempotencyKey: string): Promise<Turn> {
  const url = setting('MODEL_URL').replace(/\/+$/, '');
  const apiKey = process.env['MODEL_API_KEY'];
  const model = setting('MODEL_NAME');
  return heartbeating(async () => {
    const response = await fetch(`${url}/chat/completions`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'idempotency-key': idempotencyKey,
        ...(apiKey && { authorization: `Bearer ${apiKey}` }),
      },
      body: JSON.stringify({ model, messages, tools: TOOLS.map(describe) }),
      signal: cancellationSignal(),
    });
    if (!response.ok) throw await refusal(response);
    return readTurn(await response.json());
  });
}

const describe = ({ name, description, parameters }: (typeof TOOLS)[number]) => ({
  type: 'function',
  function: {
    name,
    description,
    parameters: { type: 'object', properties: parameters, required: Object.keys(parameters) },
  },
});

function setting(name: string): string {
  const value = process.env[name];
  if (value) return value;
  throw ApplicationFailure.nonRetryable(`${name} is not set in the worker's environment`, 'ModelRefused');
}

/** Too many requests and failures of the server pass; anything else the model says no to stays a no. */
async function refusal(response: Response): Promise<ApplicationFailure> {
  const { status } = response;
  const seconds = Number(response.headers.get('retry-after'));
  return ApplicationFailure.create({
    type: 'ModelRefused',
    message: `the model answered ${status}: ${(await response.text()).slice(0, 500)}`,
    nonRetryable: status >= 400 && status < 500 && status !== 408 && status !== 429,
    ...(seconds > 0 && { nextRetryDelay: seconds * 1_000 }),
  });
}

function readTurn(body: unknown): Turn {
  const { choices, usage } = body as {
    choices?: { message?: Turn['message'] }[];
    usage?: { total_tokens?: number };
  };
  const message = choices?.[0]?.message;
  // Not of the agreed shape: the next attempt may be.
  if (!message) throw new Error('the model answered without a message');
  const { content = null, tool_calls: calls } = message;
  return {
    message: { role: 'assistant', content, ...(calls?.length ? { tool_calls: calls } : {}) },
    tokens: usage?.total_tokens ?? 0,
  };
}
