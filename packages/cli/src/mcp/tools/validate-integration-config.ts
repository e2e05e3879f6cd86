import { dataOf, errorBodySchema, PegasusError, type ErrorCode } from '@pegasus-workflows/contracts';
import { z } from 'zod';
import { registerSecret, SHORTEST_SECRET } from '../../credentials/mask.js';
import { defineTool } from './tool.js';

/** How long the gate may take over a whole corpus, in milliseconds. */
const ANSWER_MS = 60_000;
const ANSWER_BYTES = 4 * 1024 * 1024;

const jsonObject = z.record(z.string(), z.unknown());

/** The gate's report. Read tolerantly: what a newer platform adds is dropped. */
const reportSchema = z.object({
  ok: z.boolean(),
  problems: z.array(z.object({ stage: z.string(), where: z.string(), problem: z.string() })),
  corpus: z.object({
    total: z.number().int(),
    passed: z.number().int(),
    failures: z.array(
      z.object({
        name: z.string(),
        reason: z.string().describe('structural or behavioral.'),
        detail: z.string(),
        expected: z.unknown().optional(),
        actual: z.unknown().optional(),
        change: z
          .array(z.object({ where: z.string(), from: z.unknown().optional(), to: z.unknown() }))
          .optional()
          .describe('The smallest change that was found with which the case passes.'),
      }),
    ),
  }),
});
type Report = z.infer<typeof reportSchema>;

const inputSchema = z.strictObject({
  integration_id: z
    .string()
    .regex(/^(?!\.{1,2}$)[A-Za-z0-9._:-]{1,256}$/, 'must be 1 to 256 letters, digits, ".", "_", ":" or "-"')
    .describe('Id of the integration.'),
  mapping: jsonObject.describe('Content of mapping.json: an object in the shape of the canonical output.'),
  rules: z.array(jsonObject).describe('Content of rules.json: the rules that a record must not violate.'),
  corpus: z.array(jsonObject).describe('Content of corpus.json: examples with what is expected of each.'),
  base_url: z.string().describe('The platform, such as http://127.0.0.1:4800, without /api/v1.'),
  token: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'must be an API key, without spaces or line breaks')
    .min(SHORTEST_SECRET, `must be an API key, which has at least ${SHORTEST_SECRET} characters`)
    .describe('API key of that platform. Sent to base_url alone; in no result, log or message.'),
});

export const validateIntegrationConfig = defineTool({
  name: 'validate_integration_config',
  title: "Run the platform's gate on an integration configuration",
  description: [
    'Has the platform check an integration configuration as publishing it would, and answers with the report: problems of mapping and rules, and which examples of the corpus failed. Nothing is stored there.',
    'Use it after each change of mapping.json, rules.json or corpus.json, until `ok` is true; publishing stays with a person: `pegasus-workflows integration-config publish`.',
    'The key needs the action PublishIntegrationConfig.',
  ].join(' '),
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: true },
  input: inputSchema,
  output: reportSchema,
  async run(args, { signal }) {
    registerSecret(args.token);
    return { structured: await askGate(args, signal) };
  },
});

async function askGate(args: z.output<typeof inputSchema>, signal: AbortSignal): Promise<Report> {
  const { integration_id: id, base_url: baseUrl, token, mapping, rules, corpus } = args;
  const base = checkedBase(baseUrl);
  const url = `${base.href.replace(/\/+$/, '')}/api/v1/integrations/${encodeURIComponent(id)}/config/validate`;
  const limit = AbortSignal.timeout(ANSWER_MS);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        Accept: 'application/json',
        'Content-Type': 'application/json',
        Authorization: `Bearer ${token}`,
        'User-Agent': 'pegasus-workflows-mcp',
      },
      body: JSON.stringify({ mapping, rules, corpus }),
      // The key must not follow a redirect to somewhere else.
      redirect: 'manual',
      signal: AbortSignal.any([signal, limit]),
    });
    return readReport(response.status, await readText(response), id, base.origin);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof PegasusError) throw error;
    const why = limit.aborted ? `did not answer within ${ANSWER_MS / 1000} seconds` : 'cannot be reached';
    throw new PegasusError('SERVICE_UNAVAILABLE', `The platform at ${base.origin} ${why}.`, {
      hint: 'Check base_url, and that the platform is running.',
      cause: error,
    });
  }
}

function checkedBase(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const usable = url && /^https?:$/.test(url.protocol) && !url.username && !url.password;
  if (usable && !url.search && !url.hash) return url;
  throw new PegasusError(
    'VALIDATION_ERROR',
    'base_url must be an http or https URL, and no more than that.',
    {
      hint: 'Write it like http://127.0.0.1:4800, without user name, query or fragment.',
    },
  );
}

function readReport(status: number, text: string, id: string, origin: string): Report {
  const body = parseJson(text);
  if (status === 200 || status === 201) {
    const parsed = dataOf(reportSchema).safeParse(body);
    if (parsed.success) return parsed.data.data;
    throw new PegasusError('INTERNAL_ERROR', `The answer of ${origin} is not a report of the gate.`, {
      hint: 'Check base_url: it may be another service, or a newer platform than this package knows.',
    });
  }
  if (status === 404)
    throw new PegasusError(
      'NOT_FOUND',
      `The platform at ${origin} knows no integration "${id}", or does not check integration configurations yet.`,
      { hint: 'Check integration_id and base_url; nothing was validated.' },
    );
  if (status >= 300 && status < 400)
    throw new PegasusError(
      'VALIDATION_ERROR',
      `The platform at ${origin} redirects elsewhere, and the key must not follow.`,
      {
        hint: 'Use the address it redirects to as base_url, often https:// in place of http://.',
      },
    );
  const told = errorBodySchema.safeParse(body);
  const sentence = told.success ? told.data.error : `The platform at ${origin} answered HTTP ${status}.`;
  throw new PegasusError(codeOf(status), sentence, {
    ...(told.data?.problems ? { problems: told.data.problems } : {}),
  });
}

function codeOf(status: number): ErrorCode {
  if (status === 401) return 'UNAUTHENTICATED';
  if (status === 403) return 'FORBIDDEN';
  if (status === 413) return 'PAYLOAD_TOO_LARGE';
  if (status === 429 || status >= 500) return 'SERVICE_UNAVAILABLE';
  return 'VALIDATION_ERROR';
}

/** The body, as long as it is one that a gate would send. */
async function readText(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    const bytes = part as Uint8Array;
    size += bytes.length;
    if (size > ANSWER_BYTES)
      throw new PegasusError(
        'INTERNAL_ERROR',
        `The platform's answer is larger than ${ANSWER_BYTES} bytes.`,
        {
          hint: 'Validate with a smaller corpus.',
        },
      );
    parts.push(bytes);
  }
  return Buffer.concat(parts).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
