import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { type LanguageModelV3, type SharedV3ProviderOptions } from '@ai-sdk/provider';
import { parseOrRefuse } from '@pegasus-workflows/contracts';
import { z } from 'zod';
import { ErrorPart, finishOf, readAnswer, usageOf, type Progress } from './ai-sdk-answer.js';
import { toldApart } from './ai-sdk-calls.js';
import { failureOf } from './ai-sdk-failures.js';
import { promptOf, toolsOf, type ArgumentForm } from './ai-sdk-prompt.js';
import { mostBytes, Wire } from './ai-sdk-wire.js';
import { type Engine, type Message, type ToolCall, type Turn, type TurnRequest } from './engine.js';
import {
  REAL_CLOCK,
  RETRY_POLICY,
  withRetries,
  type RetryClock,
  type RetryPolicy,
  type Tried,
} from './retry.js';

/**
 * Job: one call of a model for each turn, by the providers of the AI SDK.
 *
 * Boundary: the provider alone, and nothing of the SDK's above it: no loop, no execution of tools, no tries of its own.
 * Whose turn it is and what a call of a tool does is the dispatch's.
 *
 * Invariants
 * 1. A turn is one answer. An answer that has begun is never asked for again.
 * 2. What certainly was not worked on is refused, and nothing else is: see `failureOf`.
 * 3. No turn is for nothing: where the provider counts nothing, what it can have been at most is counted.
 * 4. Calls come as the model wrote them, with ids that no other call of the conversation has.
 * 5. No error repeats a key or a prompt.
 */
interface EngineCommon {
  /** As the price table has it. */
  model: string;
  /** Called with each piece of the answer's text as it comes; must not throw. */
  onDelta?: (text: string) => void;
  retry?: RetryPolicy;
  clock?: RetryClock;
}

export interface OpenAiCompatibleEngine extends EngineCommon {
  /** Up to and without `/chat/completions`. http or https. */
  baseURL: string;
  /** Sent as `Authorization: Bearer …`. */
  apiKey?: string;
  headers?: Readonly<Record<string, string>>;
  /** More fields of the request's body, such as `temperature`. */
  body?: Readonly<Record<string, unknown>>;
  /** What the server calls the most tokens of an answer. Default `max_tokens`. */
  limitField?: 'max_tokens' | 'max_completion_tokens';
  /** Default the global one. Redirects are not followed. */
  fetch?: typeof globalThis.fetch;
}

/** Any model of the AI SDK's providers, specification v3. */
export interface LanguageModelEngine extends EngineCommon {
  languageModel: LanguageModelV3;
  providerOptions?: SharedV3ProviderOptions;
}

/** The engine's own: whoever sets one of them would lift a limit, or get an answer that is read in another way. */
const RESERVED = [
  'messages',
  'tools',
  'stream',
  'stream_options',
  'n',
  'max_tokens',
  'max_completion_tokens',
] as const;
/** What a header may have; another character's error would repeat the whole of it. */
const headerText = z.string().regex(/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/, 'must be printable ASCII');
const commonSchema = z.object({
  model: z.string().min(1, 'must not be empty'),
  retry: z
    .object({ maxRetries: z.number().int().min(0).max(100), budgetMs: z.number().min(0) })
    .default(RETRY_POLICY),
});
const openAiSchema = commonSchema.extend({
  baseURL: z
    .string()
    .refine(isPlainAddress, 'must be an http or https address without a user, a password or a query'),
  apiKey: headerText.optional(),
  headers: z.record(z.string().regex(/^[\w-]+$/, 'must be the name of a header'), headerText).default({}),
  body: z
    .record(z.string(), z.json())
    .refine(
      (body) => RESERVED.every((name) => !Object.hasOwn(body, name)),
      `must not have ${RESERVED.join(', ')}`,
    )
    .default({}),
  limitField: z.enum(['max_tokens', 'max_completion_tokens']).default('max_tokens'),
});

/**
 * A model behind any URL that speaks OpenAI's chat completions.
 * @throws PegasusError VALIDATION_ERROR for options that are none
 */
export function aiSdkEngine(options: OpenAiCompatibleEngine): Engine {
  const parsed = parseOrRefuse(openAiSchema, options, 'body');
  const { model, baseURL, apiKey, headers, body, limitField, retry } = parsed;
  const base = options.fetch ?? globalThis.fetch;
  return new AiSdkEngine({
    model,
    retry,
    server: new URL(baseURL).host,
    secrets: [...(apiKey === undefined ? [] : [apiKey]), ...Object.values(headers)],
    form: 'text',
    onDelta: options.onDelta,
    clock: options.clock,
    begin: (maxTokensOut) => {
      const wire = new Wire(base, maxTokensOut);
      const provider = createOpenAICompatible({
        name: 'openai',
        baseURL,
        headers,
        fetch: wire.fetch,
        includeUsage: true,
        transformRequestBody: (own) => withBody(body, own, limitField),
        ...(apiKey === undefined ? {} : { apiKey }),
      });
      return { languageModel: provider.chatModel(model), wire };
    },
  });
}

/** @throws PegasusError VALIDATION_ERROR for options that are none */
export function languageModelEngine(options: LanguageModelEngine): Engine {
  const { model, retry } = parseOrRefuse(commonSchema, options, 'body');
  const { languageModel, providerOptions, onDelta, clock } = options;
  return new AiSdkEngine({
    model,
    retry,
    server: languageModel.provider,
    secrets: [],
    form: 'object',
    onDelta,
    clock,
    providerOptions,
    begin: () => ({ languageModel }),
  });
}

/** The provider names fields that it has no value for; those are ours to set. */
function withBody(
  body: Readonly<Record<string, unknown>>,
  { max_tokens: limit, ...own }: Record<string, unknown>,
  limitField: string,
): Record<string, unknown> {
  const given = Object.entries(own).filter(([, value]) => value !== undefined);
  return { ...body, ...Object.fromEntries(given), [limitField]: limit };
}

interface EngineParts {
  model: string;
  retry: RetryPolicy;
  /** Named in errors. */
  server: string;
  secrets: readonly string[];
  form: ArgumentForm;
  onDelta: ((text: string) => void) | undefined;
  clock: RetryClock | undefined;
  providerOptions?: SharedV3ProviderOptions | undefined;
  /** A model for one try, and the wire that it speaks over where we hold it. */
  begin(maxTokensOut: number): { languageModel: LanguageModelV3; wire?: Wire };
}

class AiSdkEngine implements Engine {
  readonly #clock: RetryClock;

  constructor(private readonly parts: EngineParts) {
    this.#clock = parts.clock ?? REAL_CLOCK;
  }

  get model(): string {
    return this.parts.model;
  }

  turn(request: TurnRequest, signal: AbortSignal): Promise<Turn> {
    const options = { policy: this.parts.retry, clock: this.#clock, signal, timeoutMs: request.timeoutMs };
    return withRetries(() => this.#attempt(request, signal), options);
  }

  async #attempt(request: TurnRequest, signal: AbortSignal): Promise<Tried<Turn>> {
    const { server, secrets } = this.parts;
    const { languageModel, wire } = this.parts.begin(request.maxTokensOut);
    const progress: Progress = { hasBegun: false };
    try {
      const asking = this.#ask(languageModel, wire, progress, request, signal);
      return { value: await unlessAborted(asking, signal) };
    } catch (thrown) {
      signal.throwIfAborted();
      const about = {
        server,
        secrets,
        texts: textsOf(request.messages),
        hasBegun: progress.hasBegun || wire?.hasBegun === true,
        now: this.#clock.now(),
      };
      return { failure: failureOf(thrown instanceof ErrorPart ? thrown.part : thrown, about) };
    }
  }

  async #ask(
    languageModel: LanguageModelV3,
    wire: Wire | undefined,
    progress: Progress,
    request: TurnRequest,
    signal: AbortSignal,
  ): Promise<Turn> {
    const { form, providerOptions, onDelta = () => undefined } = this.parts;
    const { messages, tools, maxTokensOut } = request;
    const { stream } = await languageModel.doStream({
      prompt: promptOf(messages, form),
      maxOutputTokens: maxTokensOut,
      abortSignal: signal,
      ...(tools.length === 0 ? {} : { tools: toolsOf(tools) }),
      ...(providerOptions ? { providerOptions } : {}),
    });
    const answer = await readAnswer(stream, progress, mostBytes(maxTokensOut), (text) => {
      // A provider that does not heed the signal goes on; nobody is to be told of it any more.
      if (!signal.aborted) onDelta(text);
    });
    const { text, finish } = answer;
    const calls: readonly ToolCall[] = wire?.calls ?? answer.calls;
    const written = [
      ...answer.written,
      ...(wire?.calls ?? []).map((call) => `${call.name}${call.arguments}`),
    ];
    return {
      text,
      toolCalls: toldApart(calls, messages),
      usage: usageOf(finish, request, written),
      finish: finishOf(finish, calls.length),
    };
  }
}

/** Not every provider heeds the signal. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const done = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { signal: done.signal });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    done.abort();
  }
}

function textsOf(messages: readonly Message[]): string[] {
  return messages.flatMap((message) =>
    message.role === 'assistant'
      ? [message.content, ...message.toolCalls.map((call) => call.arguments)]
      : [message.content],
  );
}

function isPlainAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return ['http:', 'https:'].includes(protocol) && `${username}${password}${search}${hash}` === '';
}
