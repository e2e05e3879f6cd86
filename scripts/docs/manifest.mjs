// The manifest, `pegasus-workflows.toml`: types and bounds from the schema that also checks it.
import { z } from 'zod';
import { manifestSchema, requirementSchema } from '../../packages/contracts/dist/index.js';
import { code, fence, page, table } from './markdown.mjs';
import { constraints, shape } from './shape.mjs';

/** What a key is for. The schema knows types and bounds; a key that is missing here, or gone there, is an error. */
const ABOUT = {
  name: 'what people call it; the first part of `name@version`',
  version: 'published once, never changed; raise it to publish again',
  entry_points:
    'the workflow functions: `"<module below the project, without extension>:<named export>"`. One in the Python form (`"demo.workflow:HelloWorkflow"`) is stored and listed, and does not run here',
  description: 'one sentence for people who choose a workflow',
  required_actions: 'what a run may do on the platform, and nothing else: see [actions](./actions.md)',
  timeout_seconds: 'the longest that a run may take, waits included; without it there is no limit',
  required_secrets: 'secrets that it cannot run without; list of tables, below',
  required_configs: 'configuration values that it cannot run without; list of tables, below',
};

/** Keys that say where the sources are and do not travel. */
const LOCAL_KEYS = [
  ['source_dir', 'no', 'string', 'the folder of its sources, below the project; default: its `name`'],
  [
    'activities',
    'no',
    'string',
    'the module of the activities, without extension; default: `<source_dir>/activities`, if there is one',
  ],
];

const ABOUT_REQUIREMENT = {
  key: 'its name',
  group: 'groups keep names apart; default `global`',
  description: 'for the person who is to fill it in',
};

const EXAMPLE = `
[[workflow]]
name = "invoice-reminder"
version = "1.2.0"
description = "Reminds a customer of an unpaid invoice, twice, then tells accounting."
entry_points = ["invoice-reminder/workflow:invoiceReminder"]
timeout_seconds = 2592000
required_actions = ["SendSms", "ReadWorkflowSecret"]
required_secrets = [{ key = "CRM_TOKEN", group = "crm", description = "Reads customers" }]
`;

/** @returns {string} docs/reference/manifest.md */
export function manifestPage() {
  const declared = manifestSchema.omit({ diagram: true, diagramCheck: true });
  return page('packages/contracts/src/manifest.ts', [
    '# Manifest',
    '`pegasus-workflows.toml` at the project’s root says what is published: one `[[workflow]]` table per workflow, each becoming an artifact of its own. `package`, `push` and the server check it by the same schema.',
    fence('toml', EXAMPLE.trim()),
    '## Keys of `[[workflow]]`',
    table(
      ['key', 'required', 'type', 'what it is'],
      [...rows(declared, ABOUT), ...LOCAL_KEYS.map(([key, ...rest]) => [code(key), ...rest])],
    ),
    '## Keys of an entry of `required_secrets` and `required_configs`',
    table(['key', 'required', 'type', 'what it is'], rows(requirementSchema, ABOUT_REQUIREMENT)),
    '## On the wire',
    'The API has the same keys in camelCase, and `diagram`: the text of `<source_dir>/workflow.mmd`, which every workflow must have. [Manifest](./api.md#manifest) has the shape. `diagramCheck` is what comparing the diagram with the code found; the server works it out itself.',
  ]);
}

function rows(schema, about) {
  const { properties, required = [] } = z.toJSONSchema(schema, { io: 'input' });
  const keys = Object.keys(properties).map((key) => [key, snakeCase(key)]);
  const names = keys.map(([, name]) => name);
  const unknown = [
    ...names.filter((name) => !(name in about)),
    ...Object.keys(about).filter((name) => !names.includes(name)),
  ];
  if (unknown.length > 0)
    throw new Error(`scripts/docs/manifest.mjs and the schema differ in: ${unknown.join(', ')}`);
  return keys.map(([key, name]) => [
    code(name),
    required.includes(key) ? 'yes' : 'no',
    [typeName(properties[key]), constraints(properties[key])].filter(Boolean).join('; '),
    about[name],
  ]);
}

/** The words of TOML. */
function typeName(schema) {
  if (schema.type === 'array') return schema.items.type === 'object' ? 'list of tables' : 'list of strings';
  return schema.type === 'integer' ? 'whole number' : shape(schema);
}

function snakeCase(key) {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
