// The HTTP API, from the OpenAPI document that the server itself answers.
import { namedShapes, publicDocument } from './openapi.mjs';
import { code, fence, page, table, text } from './markdown.mjs';
import { constraints, shape } from './shape.mjs';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

/**
 * @param {Iterable<string>} alsoNamed shapes that other pages refer to
 * @returns {Promise<Record<string, string>>} pages by path below docs/reference
 */
export async function apiPages(alsoNamed) {
  const document = await publicDocument();
  return {
    'api.md': renderPage(document, alsoNamed),
    'openapi.json': `${JSON.stringify(document, null, 2)}\n`,
  };
}

function renderPage(document, alsoNamed) {
  const shapes = namedShapes();
  const names = new Map();
  // Two names of one shape: it is written out, since neither name would be right everywhere.
  for (const [name, schema] of shapes) {
    const written = JSON.stringify(schema);
    names.set(written, names.has(written) ? undefined : name);
  }
  const used = new Set([...alsoNamed].filter((name) => shapes.has(name)));
  const nameOf = (schema) => {
    const name = names.get(JSON.stringify(schema));
    if (name) used.add(name);
    return name;
  };
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({ method, path, operation: item[method] })),
  );
  const sections = groups(operations).flatMap(([tag, ofTag]) => [
    `## ${tag.charAt(0).toUpperCase()}${tag.slice(1)}`,
    ...ofTag.flatMap((one) => renderOperation(one, nameOf)),
  ]);
  return page('the routes of packages/server', [
    '# HTTP API',
    'For tools: [openapi.json](./openapi.json), the same as every server answers at `/openapi.json`.',
    [
      '- Send `Authorization: Bearer vnd_…` with every call below `/api/v1`.',
      '- A success is `{"data": …}`; a list adds `"meta": {"count": n}`. A failure is `{"error": "<sentence>", "code": "<CODE>"}`; the codes are in [errors and exit codes](./errors.md).',
      "- Another tenant's object is always 404. Times are ISO 8601 in UTC, ids are UUIDs.",
    ].join('\n'),
    table(
      ['call', ''],
      operations.map(({ method, path, operation }) => [
        `[${code(`${method.toUpperCase()} ${path}`)}](#${anchor(method, path)})`,
        text(operation.summary),
      ]),
    ),
    ...sections,
    ...renderShapes(shapes, used, nameOf),
  ]);
}

function groups(operations) {
  const tags = [...new Set(operations.map(({ operation }) => operation.tags?.[0] ?? 'platform'))];
  return tags.map((tag) => [
    tag,
    operations.filter(({ operation }) => (operation.tags?.[0] ?? 'platform') === tag),
  ]);
}

function renderOperation({ method, path, operation }, nameOf) {
  const body = operation.requestBody?.content?.['application/json']?.schema;
  const answers = Object.entries(operation.responses);
  const failures = answers.filter(([, answer]) => isFailure(answer));
  return [
    `### ${code(`${method.toUpperCase()} ${path}`)} {#${anchor(method, path)}}`,
    [text(operation.summary), operation.description].filter(Boolean).map(asSentence).join(' '),
    table(
      ['parameter', 'in', 'type', ''],
      (operation.parameters ?? []).map((parameter) => [
        code(parameter.name + (parameter.required ? '' : '?')),
        parameter.in,
        code(shape(parameter.schema)),
        [text(parameter.description ?? parameter.schema.description ?? ''), constraints(parameter.schema)]
          .filter(Boolean)
          .join('; '),
      ]),
    ),
    body ? `Request${operation.requestBody.required ? '' : ' (may be empty)'}:` : undefined,
    body ? fence('text', shape(body, { nameOf })) : undefined,
    ...answers
      .filter((answer) => !failures.includes(answer))
      .flatMap(([status, answer]) => renderAnswer(status, answer, nameOf)),
    `Failures: ${failures.map(([status, { description }]) => `${status} ${text(description)}`).join('; ')}.`,
  ];
}

/** Of the one shape that every failure has. */
function isFailure(answer) {
  return answer.content?.['application/json']?.schema?.$ref === '#/components/schemas/Error';
}

function renderAnswer(status, answer, nameOf) {
  const [[mediaType, content] = []] = Object.entries(answer.content ?? {});
  const schema = content?.schema;
  const what = `**${status}** ${text(answer.description)}`;
  if (schema) return [what, fence('text', shape(schema, { nameOf }))];
  return [mediaType ? `${what} (${code(mediaType)})` : what];
}

/** The named shapes that were met, and those that are met while writing these. */
function renderShapes(shapes, used, nameOf) {
  const written = new Map();
  for (let left = pending(used, written); left.length > 0; left = pending(used, written))
    for (const name of left) written.set(name, shape(shapes.get(name), { nameOf: besides(name, nameOf) }));
  const ordered = [...written].sort(([a], [b]) => (a < b ? -1 : 1));
  return ['## Shapes', ...ordered.flatMap(([name, value]) => [`### ${name}`, fence('text', value)])];
}

function pending(used, written) {
  return [...used].filter((name) => !written.has(name));
}

function besides(own, nameOf) {
  return (schema) => {
    const name = nameOf(schema);
    return name === own ? undefined : name;
  };
}

function asSentence(value) {
  return /[.!?]$/.test(value) ? value : `${value}.`;
}

function anchor(method, path) {
  return `${method}${path.replace(/[^A-Za-z0-9]+/g, '-')}`.replace(/-$/, '');
}
