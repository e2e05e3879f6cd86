// What commands print with --json: the schemas that packages/cli/src/json declares, as JSON Schema.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { code, fence, page, table } from './markdown.mjs';
import { shape } from './shape.mjs';

const MODULE = path.resolve(import.meta.dirname, '../../packages/cli/dist/json/index.js');

/** @returns {Promise<Record<string, string>>} pages by path below docs/reference; none before there are schemas */
export async function jsonPages() {
  if (!existsSync(MODULE)) return {};
  const { JSON_OUTPUTS } = await import(pathToFileURL(MODULE).href);
  const outputs = Object.entries(JSON_OUTPUTS).map(([command, schema]) => ({
    command,
    file: `${command.replaceAll(' ', '-')}.json`,
    schema: z.toJSONSchema(schema, { io: 'output', unrepresentable: 'any' }),
  }));
  return {
    'cli-json.md': overview(outputs),
    ...Object.fromEntries(
      outputs.map(({ file, schema }) => [`cli-json/${file}`, `${JSON.stringify(schema, null, 2)}\n`]),
    ),
  };
}

function overview(outputs) {
  return page('packages/cli/src/json', [
    '# JSON output',
    'With `--json` a command prints exactly one JSON document to standard output, of the shape given here; fields may be added, none is renamed or removed within a major version. A command that fails prints the body of a [failure](./errors.md) instead, and its exit code says so.',
    table(
      ['command', 'JSON Schema'],
      outputs.map(({ command, file }) => [
        `[${code(command)}](#${anchor(command)})`,
        `[${file}](./cli-json/${file})`,
      ]),
    ),
    ...outputs.flatMap(({ command, schema }) => [
      `## ${code(command)} {#${anchor(command)}}`,
      fence('text', shape(schema)),
    ]),
  ]);
}

function anchor(command) {
  return command.replaceAll(' ', '-');
}
