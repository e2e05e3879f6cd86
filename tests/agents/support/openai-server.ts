import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** What one request is answered with. The last one is the answer of all that come after it, too. */
export type Reply = (response: ServerResponse, asked: Asked) => void | Promise<void>;

export interface Asked {
  path: string;
  headers: IncomingHttpHeaders;
  body: Record<string, any>;
}

/** A server of OpenAI's chat completions that answers what it is told to, request by request. */
export interface OpenAiServer {
  baseURL: string;
  asked: Asked[];
  /** Answers that somebody still waits for. */
  open(): number;
  replies: Reply[];
  close(): Promise<void>;
}

export async function startOpenAiServer(...replies: Reply[]): Promise<OpenAiServer> {
  const asked: Asked[] = [];
  let open = 0;
  const server = createServer((request, response) => {
    open += 1;
    response.once('close', () => (open -= 1));
    void text(request).then(async (body) => {
      const one = { path: request.url ?? '', headers: request.headers, body: JSON.parse(body) as object };
      asked.push(one);
      const reply = replies[Math.min(asked.length, replies.length) - 1];
      await reply!(response, one);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    baseURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked,
    replies,
    open: () => open,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export const begin = (response: ServerResponse): ServerResponse =>
  response.writeHead(200, { 'content-type': 'text/event-stream' });

/** One line of a stream. */
export const data = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;

/** A piece of an answer. */
export const delta = (of: object, finish: string | null = null): string =>
  data({ id: 'chatcmpl-1', model: 'm', choices: [{ index: 0, delta: of, finish_reason: finish }] });

export const USAGE = {
  prompt_tokens: 120,
  completion_tokens: 30,
  prompt_tokens_details: { cached_tokens: 20 },
};
export const usage = (of: object = USAGE): string => data({ id: 'chatcmpl-1', choices: [], usage: of });
export const DONE = 'data: [DONE]\n\n';

/** Lines, and the end of the connection. */
export const lines =
  (...all: string[]): Reply =>
  (response) => {
    begin(response);
    for (const line of all) response.write(line);
    response.end();
  };

/** A whole answer of text. */
export const says = (words: string, finish = 'stop', of: object = USAGE): Reply =>
  lines(delta({ role: 'assistant', content: words }), delta({}, finish), usage(of), DONE);

/** A whole answer of calls, each in one piece. */
export const calls = (of: { id?: string; name: string; arguments: string }[], used: object = USAGE): Reply =>
  lines(
    ...of.map(({ id, ...call }, index) => delta({ tool_calls: [{ index, id, function: call }] })),
    delta({}, 'tool_calls'),
    usage(used),
    DONE,
  );

/** A no, in OpenAI's form. */
export const refuses =
  (status: number, message = 'no', headers: Record<string, string> = {}): Reply =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify({ error: { message, type: 'x', code: null } }));
  };

/** Cuts the connection after so many lines of an answer; without any, before its head. */
export const cuts =
  (...all: string[]): Reply =>
  (response) => {
    if (all.length === 0) response.socket!.resetAndDestroy();
    // Ended, and not reset: what was written comes in first.
    else begin(response).write(all.join(''), () => response.socket!.destroy());
  };

/** A comment is no part of an answer. */
export const COMMENT = ': wait\n\n';
