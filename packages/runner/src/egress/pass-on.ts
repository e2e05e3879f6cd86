import {
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http';
import { request as httpsRequest } from 'node:https';
import { type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';

/** Of one connection, not of the message; and what would tell the other side something that only a proxy may say. */
const DROPPED =
  /^(connection|keep-alive|proxy-.*|te|trailer|upgrade|host|forwarded|x-forwarded-.*|x-real-ip)$/;

function endToEnd(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const named = (headers.connection ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !DROPPED.test(name) && !named.includes(name)),
  );
}

/**
 * Passes a request on and its answer back, as both come, nothing held. Whoever goes away ends the other side too.
 *
 * @param target where to, with path and query
 * @param options.socket the connection to use; without it one of Node's shared ones
 * @param options.headers sent instead of the request's own
 */
export async function passOn(
  request: IncomingMessage,
  response: ServerResponse,
  target: URL,
  { socket, headers: own }: { socket?: Socket; headers?: OutgoingHttpHeaders } = {},
): Promise<void> {
  const send = target.protocol === 'https:' ? httpsRequest : httpRequest;
  const upstream = send(target, {
    method: request.method ?? 'GET',
    headers: { ...(own ?? endToEnd(request.headers)), host: target.host },
    ...(socket ? { createConnection: () => socket } : {}),
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    upstream.once('response', resolve);
    upstream.once('error', reject);
  });
  response.once('close', () => upstream.destroy());
  // The answer may come before the whole request was read; its failure is told by the answer's.
  const sent = pipeline(request, upstream).catch((error: unknown) => upstream.destroy(error as Error));
  const answer = await answered;
  const { 'transfer-encoding': _encoding, ...headers } = endToEnd(answer.headers);
  response.writeHead(answer.statusCode ?? 502, headers);
  response.flushHeaders();
  await pipeline(answer, response);
  await sent;
}
