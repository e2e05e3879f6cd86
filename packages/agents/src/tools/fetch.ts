import { convert } from 'html-to-text';
import { z } from 'zod';
import { FetchError, type FetchAnswer } from './fetcher.js';
import { NothingDone, type OnceOutcome } from './journal.js';
import { ToolError } from './tool-error.js';
import { type Tool, type ToolContext } from './tool.js';

/** The tool that calls a URL: fetch. Its effect is the network, with the host that it calls. */
const TIMEOUT_MS = 30_000;
/** Of an answer as it comes, decompressed; beyond it there is none. */
const ANSWER_BYTES = 5 * 1024 * 1024;
/** Of what the model is told; unless it says otherwise. */
const TOLD_BYTES = 100_000;
const SHORT_BYTES = 30_000;
const BODY_CHARACTERS = 1_000_000;
/** They do nothing on the other side, so they may be made again. */
const READING: ReadonlySet<string> = new Set(['GET', 'HEAD']);
/** There is no session to be in, and no proxy to be let through. */
const REFUSED_HEADER = /^(cookie|cookie2|proxy-.*)$/i;
const TEXT =
  /^(text\/.*|application\/(json|.*\+json|xml|.*\+xml|javascript|ecmascript|x-ndjson|yaml|x-yaml|toml|graphql|x-sh|x-www-form-urlencoded)|image\/svg\+xml)$/;

const fetchInput = z.strictObject({
  url: z
    .string()
    .min(1)
    .max(8_000)
    .describe('Begins with https:// or http://; holds no user name or password.'),
  method: z
    .enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
    .optional()
    .describe('GET unless given.'),
  headers: z.record(z.string(), z.string().max(8_000)).optional(),
  body: z.string().max(BODY_CHARACTERS).optional(),
  maxBytes: z
    .number()
    .int()
    .min(1)
    .max(TOLD_BYTES)
    .optional()
    .describe(`How much of the answer to tell; ${SHORT_BYTES} unless given.`),
});
type Input = z.output<typeof fetchInput>;

export const fetchTool: Tool<Input> = {
  name: 'fetch',
  description:
    'Calls a URL and answers with the status and the text of what came; of a web page the text that a reader sees. A redirect to another host is told, not followed.',
  input: fetchInput,
  needs: 'fetcher',
  prepare: async (input) => {
    const { url, method = 'GET', headers = {} } = input;
    const target = parsed(url);
    for (const name of Object.keys(headers))
      if (REFUSED_HEADER.test(name))
        throw new ToolError('BAD_ARGUMENTS', `headers: ${JSON.stringify(name)} is not sent; leave it out.`);
    if (input.body !== undefined && READING.has(method))
      throw new ToolError(
        'BAD_ARGUMENTS',
        `body: a ${method} has none; leave it out, or use another method.`,
      );
    return {
      effects: [{ kind: 'network', host: target.hostname }],
      run: async (context) => {
        const work = (): Promise<OnceOutcome> => call(target, { ...input, method }, context);
        const { text } = await (READING.has(method)
          ? work().catch((error: unknown) => {
              throw error instanceof NothingDone ? error.told : error;
            })
          : context.journal.once(context.callId, JSON.stringify(['fetch', input]), work));
        return { text, filesChanged: [], reads: context.reads };
      },
    };
  },
};

function parsed(url: string): URL {
  const refuse = (why: string): never => {
    throw new ToolError('BAD_ARGUMENTS', `url: ${why}.`);
  };
  if (!URL.canParse(url)) return refuse('it cannot be read; give it whole, as https://example.com/page');
  const target = new URL(url);
  if (target.protocol !== 'https:' && target.protocol !== 'http:')
    refuse('it must begin with https:// or http://');
  if (target.username !== '' || target.password !== '') refuse('it must not hold a user name or password');
  return target;
}

async function call(
  target: URL,
  { method, headers = {}, body, maxBytes = SHORT_BYTES }: Input & { method: string },
  { fetcher, permissions, signal }: ToolContext,
): Promise<OnceOutcome> {
  if (!fetcher) throw new NothingDone(new ToolError('NO_TOOL', 'There is no way to the network here.'));
  const mayFollow = ({ hostname }: URL): boolean =>
    hostname === target.hostname ||
    permissions.decide([{ kind: 'network', host: hostname }]).verdict === 'allow';
  const request = {
    url: target.href,
    method,
    headers,
    body,
    timeoutMs: TIMEOUT_MS,
    maxBytes: ANSWER_BYTES,
    mayFollow,
  };
  let answer: FetchAnswer;
  try {
    answer = await fetcher.fetch(request, signal);
  } catch (error) {
    if (!(error instanceof FetchError)) throw error;
    const told = new ToolError('NO_ANSWER', error.message);
    if (error.wasNeverSent || READING.has(method)) throw new NothingDone(told);
    // It may have been done: so it is said, and said again to whoever makes the same call.
    return { text: `${error.message} The request may have reached the other side.`, filesChanged: [] };
  }
  return { text: textOf(answer, maxBytes), filesChanged: [] };
}

/** What the model is told of an answer. */
export function textOf({ status, headers, body, url }: FetchAnswer, maxBytes: number): string {
  const [type = '', ...parameters] = (headers['content-type'] ?? '').split(';').map((part) => part.trim());
  const first = `${status} ${url}${type && ` (${type})`}`;
  const { location } = headers;
  if (status >= 300 && status < 400 && location !== undefined)
    return `${first}\nIt redirects to ${JSON.stringify(absolute(location, url))}, which was not followed; call that if you mean it.`;
  if (body.length === 0) return `${first}\n(no body)`;
  const kind = type.toLowerCase();
  if ((kind !== '' && !TEXT.test(kind)) || body.includes(0))
    return `${first}\n(${body.length} bytes that are no text; they are not shown)`;
  const text = decoded(body, parameters);
  return `${first}\n\n${cut(isPage(kind) ? readable(text) : text, maxBytes)}`;
}

function absolute(location: string, base: string): string {
  return URL.canParse(location, base) ? new URL(location, base).href : location;
}

function decoded(body: Buffer, parameters: readonly string[]): string {
  const named = parameters.find((part) => /^charset=/i.test(part))?.slice('charset='.length);
  try {
    return new TextDecoder(named?.replaceAll('"', '') ?? 'utf-8').decode(body);
  } catch {
    // A name that nobody knows; most of it is readable in any case.
    return new TextDecoder().decode(body);
  }
}

function isPage(type: string): boolean {
  return type === 'text/html' || type === 'application/xhtml+xml';
}

/** Of deeper or larger pages only a part is looked at. */
const PAGE = { maxInputLength: ANSWER_BYTES, maxDepth: 200 };

function readable(html: string): string {
  const text = convert(html, {
    wordwrap: false,
    limits: PAGE,
    selectors: [
      { selector: 'img', format: 'skip' },
      { selector: 'nav', format: 'skip' },
      { selector: 'a', options: { ignoreHref: false, hideLinkHrefIfSameAsText: true } },
      ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6'].map((selector) => ({
        selector,
        options: { uppercase: false },
      })),
    ],
  });
  return text.replaceAll(/\n{3,}/g, '\n\n');
}

function cut(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxBytes) return text;
  // A character that is cut in two is left out.
  const head = new TextDecoder().decode(bytes.subarray(0, maxBytes), { stream: true });
  return `${head}\n(${bytes.length - maxBytes} more bytes are not shown)`;
}
