import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Message, ToolCall } from '../__name__/messages.js';

/** What the model says next: an answer, calls of tools, or a failure of the server. */
export type Reply = { says: string } | { calls: [name: string, args: unknown][] } | { fails: number };

export interface ScriptedModel extends AsyncDisposable {
  url: string;
  requests: { messages: Message[]; headers: IncomingHttpHeaders }[];
}

/** A real HTTP server that speaks the chat API and says what the script says; each turn costs 100 tokens. */
export async function startScriptedModel(script: Reply[]): Promise<ScriptedModel> {
  const requests: ScriptedModel['requests'] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const { messages } = JSON.parse(body) as { messages: Message[] };
      const reply = script[Math.min(requests.length, script.length - 1)]!;
      requests.push({ messages, headers: request.headers });
      if ('fails' in reply) return void response.writeHead(reply.fails).end('not now');
      const message =
        'says' in reply ? { content: reply.says } : { content: null, tool_calls: reply.calls.map(toolCall) };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ choices: [{ message }], usage: { total_tokens: 100 } }));
    });
  });
  const toolCall = ([name, args]: [string, unknown], index: number): ToolCall => ({
    id: `call-${requests.length}-${index + 1}`,
    type: 'function',
    function: { name, arguments: typeof args === 'string' ? args : JSON.stringify(args) },
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    requests,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
