import { type Readable, type Writable } from 'node:stream';
import { type AnyMessage, type Stream } from '@agentclientprotocol/sdk';
import { z } from 'zod';
import { EngineError } from './engine.js';

/**
 * Messages over a program's standard input and output, a line of JSON each. The SDK's own stream answers what is no JSON
 * and goes on; a program that is no agent would be talked to until the time is up.
 * @param most bytes of output, in all
 * @param say what may be told of a line that is no message
 */
export function messageStream(
  stdin: Writable,
  stdout: Readable,
  most: number,
  say: (line: string) => string,
): Stream {
  const messages = messagesOf(stdout, most, say);
  return {
    writable: new WritableStream<AnyMessage>({
      write: (message) =>
        new Promise((resolve, reject) => {
          stdin.write(`${JSON.stringify(message)}\n`, (error) => (error ? reject(error) : resolve()));
        }),
    }),
    readable: new ReadableStream<AnyMessage>({
      pull: async (controller) => {
        const { value, done } = await messages.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      // A reading that is under way ends with the program.
      cancel: () => void stdout.destroy(),
    }),
  };
}

const messageSchema = z.looseObject({ jsonrpc: z.literal('2.0') });

async function* messagesOf(
  stdout: AsyncIterable<Buffer>,
  most: number,
  say: (line: string) => string,
): AsyncGenerator<AnyMessage, undefined> {
  let bytes = 0;
  for await (const line of linesOf(stdout, (read) => {
    bytes += read;
    if (bytes > most)
      throw new EngineError(`The agent wrote more than ${most} bytes to its standard output.`);
  })) {
    if (line.trim() === '') continue;
    const parsed = messageSchema.safeParse(jsonOf(line));
    if (!parsed.success) {
      const said = say(line);
      throw new EngineError(
        `The agent wrote a line that is no message of the Agent Client Protocol${said && `: ${said}`}.`,
      );
    }
    // The schema holds what the framing needs; the package parses the rest of a message itself.
    yield parsed.data as unknown as AnyMessage;
  }
  return undefined;
}

async function* linesOf(
  chunks: AsyncIterable<Buffer>,
  count: (bytes: number) => void,
): AsyncGenerator<string> {
  let pending: Buffer[] = [];
  for await (const chunk of chunks) {
    count(chunk.length);
    let from = 0;
    for (let end = chunk.indexOf(0x0a); end !== -1; end = chunk.indexOf(0x0a, from)) {
      yield Buffer.concat([...pending, chunk.subarray(from, end)]).toString('utf8');
      pending = [];
      from = end + 1;
    }
    if (from < chunk.length) pending.push(chunk.subarray(from));
  }
  if (pending.length > 0) yield Buffer.concat(pending).toString('utf8');
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
