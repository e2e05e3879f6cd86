import { type Message } from './engine.js';

/** Of one result of a tool; the workspace has the rest. Characters. */
const RESULT = 2_000;
const CALL = 4_000;

/**
 * A conversation as one prompt, for an agent that is started: its task, and for one that comes after another that was
 * ended in between, what that one has said and done.
 */
export function recap(messages: readonly Message[]): string {
  const begins = messages.findIndex(({ role }) => role === 'assistant');
  if (begins === -1) return messages.map(({ content }) => content).join('\n\n');
  return [
    ...messages.slice(0, begins).map(({ content }) => content),
    'You have worked on this already and were interrupted. What has been said and done so far comes now, in order; all of it is done, and the workspace is as it has left it. Go on from there, and do nothing twice.',
    ...messages.slice(begins).flatMap(toldOf),
  ].join('\n\n');
}

function toldOf(message: Message): string[] {
  if (message.role === 'tool') return [`Result: ${cut(message.content, RESULT)}`];
  if (message.role !== 'assistant') return [message.content];
  const calls = message.toolCalls.map(
    ({ name, arguments: given }) => `You called ${name} with ${cut(given, CALL)}`,
  );
  return [...(message.content === '' ? [] : [`You said: ${message.content}`]), ...calls];
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most)} (and ${text.length - most} characters more)`;
}
