import { type LanguageModelV3StreamPart } from '@ai-sdk/provider';
import { mostTokens, nextInput } from '../budgets/estimate.js';
import { type Usage } from '../budgets/prices.js';
import { EngineError, type ToolCall, type Turn, type TurnRequest } from './engine.js';

type Finish = Extract<LanguageModelV3StreamPart, { type: 'finish' }>;

/** An answer as it was streamed, whole. */
export interface Answer {
  text: string;
  /** Calls as the provider has put them together. */
  calls: ToolCall[];
  /** All that the model wrote and that we were shown, its reasoning as well. */
  written: string[];
  finish: Finish;
}

/** What is in a stream instead of a part of an answer. */
export class ErrorPart extends Error {
  constructor(readonly part: unknown) {
    super('the stream has an error');
  }
}

/** How far a stream was read, for whoever finds it broken off. */
export interface Progress {
  hasBegun: boolean;
}

/**
 * Reads a stream to its end.
 * @param most characters of an answer; an endless one is not kept until the memory is full
 * @throws ErrorPart, EngineError, or what the stream breaks with
 */
export async function readAnswer(
  stream: ReadableStream<LanguageModelV3StreamPart>,
  progress: Progress,
  most: number,
  onDelta: (text: string) => void,
): Promise<Answer> {
  const texts: string[] = [];
  const written: string[] = [];
  const calls: ToolCall[] = [];
  let finish: Finish | undefined;
  let length = 0;
  const keep = (text: string): void => {
    written.push(text);
    length += text.length;
    if (length > most) throw new EngineError(`The model's answer has more than ${most} characters.`);
  };
  for await (const part of stream) {
    if (part.type === 'stream-start' || part.type === 'response-metadata') continue;
    if (part.type === 'error') throw new ErrorPart(part.error);
    progress.hasBegun = true;
    if (part.type === 'text-delta') {
      keep(part.delta);
      texts.push(part.delta);
      onDelta(part.delta);
    } else if (part.type === 'reasoning-delta') {
      keep(part.delta);
    } else if (part.type === 'tool-call') {
      keep(part.input);
      calls.push({ id: part.toolCallId, name: part.toolName, arguments: part.input });
    } else if (part.type === 'finish') {
      finish = part;
    }
  }
  if (!finish) throw new EngineError("The model's answer ended before it was finished.");
  return { text: texts.join(''), calls, written, finish };
}

/** Names of reasons that servers have of their own. */
const REASONS: Readonly<Record<string, Turn['finish']>> = {
  end_turn: 'stop',
  eos: 'stop',
  eos_token: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_length: 'length',
};

/** @throws EngineError where the answer is none, although it has ended */
export function finishOf({ finishReason: { unified, raw = '' } }: Finish, calls: number): Turn['finish'] {
  const reason = unified === 'other' ? REASONS[raw] : unified;
  if (reason === 'length') return 'length';
  if (reason === 'content-filter')
    throw new EngineError("The model's provider has held the answer back by its content filter.");
  if (reason === undefined || reason === 'error')
    throw new EngineError('The model has ended its answer for a reason that is not known.');
  if (calls > 0) return 'tool_calls';
  if (reason === 'stop') return 'stop';
  throw new EngineError('The model said that it calls a tool, and called none.');
}

/**
 * What the provider has counted. Where it says nothing, or that it was nothing, it is what it can have been at most: a
 * token for each byte, of the request and of all that was written, so that no call is for nothing.
 */
export function usageOf({ usage }: Finish, request: TurnRequest, written: readonly string[]): Usage {
  const { inputTokens, outputTokens } = usage;
  const told = written.join('');
  const isOutKnown = isCount(outputTokens.total) && (outputTokens.total > 0 || told === '');
  return {
    in: isCount(inputTokens.total) && inputTokens.total > 0 ? inputTokens.total : mostInput(request),
    out: isOutKnown ? outputTokens.total! : mostTokens(told),
    ...(isCount(inputTokens.cacheRead) && inputTokens.cacheRead > 0
      ? { cachedIn: inputTokens.cacheRead }
      : {}),
  };
}

const isCount = (value: number | undefined): value is number => Number.isSafeInteger(value) && value! >= 0;

function mostInput({ messages, tools }: TurnRequest): number {
  const texts = messages.flatMap((message) =>
    message.role === 'assistant'
      ? [message.content, ...message.toolCalls.map((call) => `${call.name}${call.arguments}`)]
      : [message.content],
  );
  return nextInput(undefined, [...texts, JSON.stringify(tools)]);
}
