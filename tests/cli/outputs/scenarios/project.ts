import { readFile, rename, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Scenario } from '../scenario.js';
import { type Stage } from '../stage.js';

const inRoot = (stage: Stage, file: string): string => path.join(stage.terminal.root, file);

const INSTALLED = path.resolve(import.meta.dirname, '../../../../node_modules');

/** Activities that call the platform. */
const KEEPER = `import { PegasusClient } from 'pegasus-workflows-sdk/client';

export async function composeGreeting(name: string): Promise<string> {
  const { configs, projections } = PegasusClient.fromRuntime();
  const greeting = \`\${await configs.get('GREETING')}, \${name}!\`;
  await projections.put('greeter', 'person', name, { greeting });
  return greeting;
}
`;

/** An author's project: made, tested, drawn, built, published. */
export const PROJECT: Scenario[] = [
  { name: 'init', args: ['init', 'demo'], code: 0 },
  { name: 'init where something is', args: ['init', 'demo'], code: 5 },
  { name: 'init with a bad name', args: ['init', 'Demo App'], code: 2 },
  { name: 'test', args: ['test', 'demo'], code: 0 },
  { name: 'test of no such workflow', args: ['test', 'dmeo', '-C', 'demo'], code: 4 },
  {
    name: 'test on a platform in memory',
    alone: true,
    args: ['test', 'keeper', '-C', 'keeper', '--input', 'Ada', '--platform', 'platform.json', '--dry-run'],
    code: 0,
    before: async (stage) => {
      await stage.terminal.runHere(['init', 'keeper']);
      const manifest = inRoot(stage, 'keeper/pegasus-workflows.toml');
      const declared = 'required_actions = ["ReadWorkflowConfig", "WriteIntegrationProjection"]\n';
      await writeFile(manifest, `${await readFile(manifest, 'utf8')}\n${declared}`);
      await writeFile(inRoot(stage, 'keeper/keeper/activities.ts'), KEEPER);
      // What `npm install` would put there.
      await symlink(INSTALLED, inRoot(stage, 'keeper/node_modules'), 'junction');
      await writeFile(inRoot(stage, 'platform.json'), '{ "configs": { "GREETING": "Hello" } }\n');
    },
    after: (stage) => rename(inRoot(stage, 'keeper'), inRoot(stage, 'home/keeper')),
  },
  {
    name: 'test on a platform that is none',
    args: ['test', 'demo', '-C', 'demo', '--platform', 'platform.json'],
    code: 2,
    before: (stage) => writeFile(inRoot(stage, 'platform.json'), '{ "configs": { "no key": "Hello" } }\n'),
  },
  { name: 'diagram', args: ['diagram', '-C', 'demo'], code: 0 },
  { name: 'diagram drawn', args: ['diagram', '--draw', '-C', 'demo'], code: 0 },
  { name: 'diagram checked', args: ['diagram', '--check', '-C', 'demo'], code: 0 },
  {
    name: 'diagram that leaves a step out',
    args: ['diagram', '--check', '-C', 'undrawn'],
    code: 2,
    before: async (stage) => {
      await stage.terminal.runHere(['init', 'undrawn']);
      await writeFile(
        inRoot(stage, 'undrawn/undrawn/workflow.mmd'),
        'flowchart TD\n  a([Start]) --> b([End])\n',
      );
    },
  },
  { name: 'package of a diagram that leaves a step out', args: ['package', '-C', 'undrawn'], code: 0 },
  {
    name: 'package strictly',
    args: ['package', '--strict', '-C', 'undrawn'],
    code: 2,
    after: (stage) => rename(inRoot(stage, 'undrawn'), inRoot(stage, 'home/undrawn')),
  },
  { name: 'diagram of no such workflow', args: ['diagram', '-w', 'dmeo', '-C', 'demo'], code: 4 },
  { name: 'package', args: ['package', '-C', 'demo'], code: 0 },
  { name: 'package without a project', args: ['package', '-C', 'nowhere'], code: 4 },
  {
    name: 'package of a broken manifest',
    args: ['package', '-C', 'broken'],
    code: 2,
    before: async (stage) => {
      await stage.terminal.runHere(['init', 'broken']);
      await writeFile(
        inRoot(stage, 'broken/pegasus-workflows.toml'),
        '[[workflow]]\nname = "broken"\nversion = "1.0"\nentry_points = ["broken/workflow:gone"]\ntimeout = 5\n',
      );
    },
  },
  {
    name: 'package of a manifest that is no TOML',
    args: ['package', '-C', 'broken'],
    code: 2,
    before: (stage) => writeFile(inRoot(stage, 'broken/pegasus-workflows.toml'), '[[workflow]\nname = \n'),
    after: (stage) => rename(inRoot(stage, 'broken'), inRoot(stage, 'home/broken')),
  },
  { name: 'push', args: ['push', '--profile', 'local', '--env', 'here'], cwd: 'demo', code: 0 },
  { name: 'push again', args: ['push', '--profile', 'local'], cwd: 'demo', code: 5 },
  { name: 'push with a wrong key', args: ['push', '--profile', 'revoked'], cwd: 'demo', code: 3 },
  {
    name: 'push to nowhere',
    args: ['push', '--base-url', '{closed}', '--token', '{secret.odd}'],
    cwd: 'demo',
    code: 6,
  },
];
