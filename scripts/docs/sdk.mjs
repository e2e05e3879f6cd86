// What the SDK exports, from the declarations and doc comments of its build.
import { declarations } from './declarations.mjs';
import { code, fence, page, text } from './markdown.mjs';

const ENTRIES = [
  {
    module: 'pegasus-workflows-sdk/workflow',
    file: 'packages/sdk/dist/workflow/index.d.ts',
    about:
      'What workflow code imports. It passes on everything of [`@temporalio/workflow`](https://typescript.temporal.io/api/namespaces/workflow) (`proxyActivities`, `sleep`, `condition`, `defineSignal`, `patched`, …); below is what it adds.',
  },
  {
    module: 'pegasus-workflows-sdk/activity',
    file: 'packages/sdk/dist/activity/index.d.ts',
    about:
      'What activity code imports: [`@temporalio/activity`](https://typescript.temporal.io/api/namespaces/activity) as it is, so that a project needs this one package.',
  },
  {
    module: 'pegasus-workflows-sdk/client',
    file: 'packages/sdk/dist/client/index.d.ts',
    about: 'For programs that publish, start and watch runs.',
  },
  {
    module: 'pegasus-workflows-sdk/agents',
    file: 'packages/sdk/dist/agents/index.d.ts',
    about:
      'Tasks for coding agents and what comes of them: the shapes of the wire, and builders that make only valid values.',
  },
  {
    module: 'pegasus-workflows-sdk/agents/workflow',
    file: 'packages/sdk/dist/agents/workflow.d.ts',
    about: 'For workflow code that hands tasks to coding agents.',
  },
  {
    module: 'pegasus-workflows-sdk/agents/activities',
    file: 'packages/sdk/dist/agents/activities.d.ts',
    about:
      "The activities behind it: `export * from 'pegasus-workflows-sdk/agents/activities'` in the activities module.",
  },
  {
    module: 'pegasus-workflows-sdk/testing',
    file: 'packages/sdk/dist/testing/index.d.ts',
    about: 'Runs workflows and activities in a test, with time skipped.',
  },
];

/** Everything that is exported, module by module. */
export function sdkExports() {
  return declarations(ENTRIES.map(({ file }) => file));
}

/** Names of the wire's shapes that the SDK exports as types. */
export function wireTypes(exported) {
  return new Set(
    exported
      .flat()
      .filter(isWireShape)
      .map(({ name }) => name),
  );
}

/** @returns {string} docs/reference/sdk.md */
export function sdkPage(exported) {
  return page('the doc comments of packages/sdk', [
    '# SDK',
    '`npm install pegasus-workflows-sdk`: seven modules, each for one side.',
    ...ENTRIES.flatMap((entry, i) => section(entry, exported[i])),
  ]);
}

function section({ module, about }, exported) {
  const ordered = exported.toSorted(
    (a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind) || (a.name < b.name ? -1 : 1),
  );
  const wire = ordered.filter(isWireShape);
  const rest = ordered.filter((declared) => !isWireShape(declared));
  const links = wire.map(({ name }) => `[${code(name)}](./api.md#${name.toLowerCase()})`);
  return [
    `## ${code(module)}`,
    about,
    ...rest.flatMap((declared) => [
      `### ${declared.name}`,
      text(declared.comment),
      fence('ts', signature(declared.source)),
    ]),
    wire.length > 0
      ? `### Types of the wire\n\nExported too, in the shapes of the API: ${links.join(', ')}.`
      : '',
  ];
}

const ORDER = ['function', 'class', 'const', 'interface', 'type'];

/** A type that is derived from a schema of the contracts. */
function isWireShape({ source }) {
  return /z\.infer</.test(source);
}

/**
 * Without what a caller cannot reach. What a schema infers to is pages long, and the compiler writes the words of an
 * enum in an order that depends on what it has compiled before.
 */
function signature(source) {
  const schema = /^((?:export )?(?:declare )?const \w+): z\.Zod/.exec(source);
  if (schema) return `${schema[1]}: z.ZodType;`;
  return source
    .split('\n')
    .filter((line) => !/^\s+(private |#private)/.test(line))
    .join('\n');
}
