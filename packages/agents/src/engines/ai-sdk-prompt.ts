import {
  type LanguageModelV3FunctionTool,
  type LanguageModelV3Message,
  type LanguageModelV3Prompt,
} from '@ai-sdk/provider';
import { parseOrRefuse } from '@pegasus-workflows/contracts';
import { z } from 'zod';
import { type Message, type ToolCall } from './engine.js';

/** How a model's provider takes the arguments of a call that was made before. */
export type ArgumentForm = 'text' | 'object';

/** The conversation as the AI SDK takes it. */
export function promptOf(messages: readonly Message[], form: ArgumentForm): LanguageModelV3Prompt {
  const names = new Map<string, string>();
  return messages.map((message): LanguageModelV3Message => {
    switch (message.role) {
      case 'system':
        return { role: 'system', content: message.content };
      case 'user':
        return { role: 'user', content: [{ type: 'text', text: message.content }] };
      case 'assistant': {
        const { content, toolCalls } = message;
        for (const { id, name } of toolCalls) names.set(id, name);
        const calls = toolCalls.map((call) => ({
          type: 'tool-call' as const,
          toolCallId: call.id,
          toolName: call.name,
          input: argumentsOf(call, form),
        }));
        const text = content === '' && calls.length > 0 ? [] : [{ type: 'text' as const, text: content }];
        return { role: 'assistant', content: [...text, ...calls] };
      }
      case 'tool': {
        const { toolCallId, content } = message;
        const toolName = names.get(toolCallId) ?? 'unknown';
        const output = { type: 'text' as const, value: content };
        return { role: 'tool', content: [{ type: 'tool-result', toolCallId, toolName, output }] };
      }
    }
  });
}

/**
 * Text goes back as it came, so that a provider's cache of the conversation's beginning holds. Many servers read the
 * arguments of earlier calls as JSON: none at all are an empty object, and the provider quotes what is no JSON.
 */
function argumentsOf({ arguments: text }: ToolCall, form: ArgumentForm): unknown {
  if (form === 'text') return text.trim() === '' ? '{}' : text;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // What is no object is told as what it is.
  }
  return text.trim() === '' ? {} : { malformed: text };
}

const functionSchema = z.object({
  type: z.literal('function'),
  function: z.object({
    name: z.string().min(1, 'must not be empty'),
    description: z.string().optional(),
    parameters: z.record(z.string(), z.unknown()).default({ type: 'object', properties: {} }),
  }),
});

/** Without anything to execute: whoever asked makes the calls. Throws VALIDATION_ERROR for what is no function. */
export function toolsOf(tools: readonly object[]): LanguageModelV3FunctionTool[] {
  return parseOrRefuse(z.array(functionSchema), tools, 'body').map(
    ({ function: { name, description, parameters } }) => ({
      type: 'function',
      name,
      ...(description === undefined ? {} : { description }),
      inputSchema: parameters,
    }),
  );
}
