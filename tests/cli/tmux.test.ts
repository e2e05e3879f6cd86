import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyPgliteTemplate } from '../support/pglite-template.js';
import { processesNaming } from '../support/processes.js';
import { testTemporalEnv } from '../support/temporal.js';
import { Tmux } from '../support/tmux.js';
import { eventually } from '../support/wait.js';
import { Terminal } from './cli.js';

/** The command line as a person meets it: a real terminal, typed keys, what the screen shows. */
const MINUTES = 60_000;
const BIN = fileURLToPath(new URL('../../packages/cli/dist/bin.js', import.meta.url));
const KEY = 'vnd_tmuxtestkey0123456789abcdefgh';

let terminal: Terminal;
let screen: Tmux;

async function openScreen(cwd = '.'): Promise<Tmux> {
  const env: NodeJS.ProcessEnv = { ...terminal.env, COLUMNS: undefined };
  const PATH = `${path.join(terminal.root, 'bin')}${path.delimiter}${env['PATH']}`;
  return Tmux.open({ cwd: path.join(terminal.root, cwd), env: { ...env, PATH } });
}

beforeAll(async () => {
  terminal = await Terminal.open(testTemporalEnv());
  const program = path.join(terminal.root, 'bin', 'pegasus-workflows');
  await mkdir(path.dirname(program));
  await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`, { mode: 0o755 });
  await mkdir(path.join(terminal.root, 'work'));
  // A platform that has run before: a first start makes its database for half a minute.
  await copyPgliteTemplate(path.join(terminal.root, 'data', 'db'));
  screen = await openScreen('work');
}, 3 * MINUTES);

afterAll(async () => {
  await screen?.[Symbol.asyncDispose]();
  // After a failure a platform may still be ending in there.
  await eventually(async () => expect(await processesNaming(terminal.root)).toEqual([]));
  await terminal[Symbol.asyncDispose]();
}, MINUTES);

const credentials = () => path.join(terminal.root, 'home/.pegasus/credentials');

describe('setup', () => {
  it(
    'asks for address and key, shows no key, and leaves a private profile and .mcp.json',
    async () => {
      await screen.run('pegasus-workflows setup');
      await screen.see('https://api.pegasus.dolas.dev');
      await screen.press('C-u');
      await screen.type('not a url', 'Enter');
      await screen.see('is not an http or https URL');
      await screen.press('C-u');
      await screen.type('http://127.0.0.1:9', 'Enter');
      await screen.see('API key of profile "default"');
      await screen.type('short', 'Enter');
      await screen.see('at least 8 characters');
      await screen.press('C-u');
      await screen.type(KEY);
      expect(await screen.see('••••••••••••')).not.toContain(KEY.slice(4, 12));
      await screen.press('Enter');
      const told = await screen.see('.mcp.json: the MCP server "pegasus" was added');
      expect(told).toContain('profile "default" is stored: http://127.0.0.1:9');
      expect(told).toContain(`vnd_…${KEY.slice(-4)}`);
      expect(told).not.toContain(KEY.slice(4, 12));
      expect(await screen.exitCode()).toBe(0);

      expect(await readFile(credentials(), 'utf8')).toContain(`api_key = "${KEY}"`);
      expect((await stat(credentials())).mode & 0o777).toBe(0o600);
      const mcp = await readFile(path.join(terminal.root, 'work/.mcp.json'), 'utf8');
      expect(JSON.parse(mcp)).toMatchObject({
        mcpServers: { pegasus: { command: 'pegasus-workflows', args: ['mcp'] } },
      });
      expect(mcp).not.toContain('vnd_');
    },
    2 * MINUTES,
  );

  it(
    'a second time asks nothing and changes nothing',
    async () => {
      const before = await readFile(credentials(), 'utf8');
      await screen.run('pegasus-workflows setup');
      await screen.see('profile "default" is there already');
      expect(await screen.exitCode()).toBe(0);
      expect(await readFile(credentials(), 'utf8')).toBe(before);
    },
    MINUTES,
  );
});

describe('configure', () => {
  it(
    'Ctrl-C at the hidden key ends with 130, writes nothing, and gives the terminal back',
    async () => {
      const before = await readFile(credentials(), 'utf8');
      await screen.run('pegasus-workflows configure --profile other');
      await screen.see('Address of the platform');
      await screen.press('Enter');
      await screen.see('API key of profile "other"');
      await screen.type(KEY.slice(0, 20));
      await screen.see('••••••••');
      await screen.press('C-c');
      await screen.see('Cancelled; nothing was written.');
      expect(await screen.exitCode()).toBe(130);
      expect(await readFile(credentials(), 'utf8')).toBe(before);
      expect(await readdir(path.dirname(credentials()))).toEqual(['credentials']);
      await screen.type('what is typed shows');
      await screen.see('what is typed shows');
      await screen.press('C-c');
    },
    MINUTES,
  );

  it(
    'adds a profile, keeps the others, and Enter keeps a key that is there',
    async () => {
      await screen.run('pegasus-workflows configure --profile other');
      await screen.see('Address of the platform');
      await screen.press('Enter');
      await screen.see('API key of profile "other"');
      await screen.type(`${KEY}other`, 'Enter');
      await screen.see('Profile "other" (vnd_…ther, https://api.pegasus.dolas.dev)');

      await screen.run('pegasus-workflows configure --profile other');
      await screen.see('Address of the platform');
      await screen.press('C-u');
      await screen.type('https://pegasus.example.com', 'Enter');
      await screen.see('Enter keeps vnd_…ther');
      await screen.press('Enter');
      await screen.see('(vnd_…ther, https://pegasus.example.com)');

      await screen.run('pegasus-workflows profile list');
      const list = await screen.see('https://pegasus.example.com');
      expect(list).toMatch(/default +http:\/\/127\.0\.0\.1:9/);
      expect(list).not.toContain('vnd_');
    },
    2 * MINUTES,
  );
});

describe('secrets', () => {
  it(
    'set: what is typed is on no screen, also when it cannot be sent',
    async () => {
      await screen.run('pegasus-workflows secrets set API_TOKEN');
      await screen.see('Value of the secret');
      await screen.type('zz-typed-secret-4711');
      expect(await screen.see('••••••••••••')).not.toContain('zz-typed');
      await screen.press('Enter');
      const told = await screen.see('error:');
      expect(told).not.toContain('zz-typed');
      expect(await screen.exitCode()).toBe(6);
    },
    2 * MINUTES,
  );

  it(
    'delete: asks, and no is what Enter answers',
    async () => {
      await screen.run('pegasus-workflows secrets delete API_TOKEN');
      await screen.see('Delete the secret global/API_TOKEN?');
      await screen.press('Enter');
      await screen.see('Cancelled; nothing was changed.');
      expect(await screen.exitCode()).toBe(130);
    },
    MINUTES,
  );
});

describe('dev', () => {
  const dataDir = () => path.join(terminal.root, 'data');
  const start = () => `pegasus-workflows dev --port 0 --data-dir '${dataDir()}'`;

  it(
    'Ctrl-C while it starts ends it with 130 and leaves no process',
    async () => {
      await screen.run(`${start()} --no-watch`);
      await screen.see('starting the platform');
      await eventually(async () => expect(await readdir(path.join(dataDir(), 'pids'))).toContain('server'));
      await screen.press('C-c');
      await screen.see('Stopped before the platform was ready; nothing is left running.');
      expect(await screen.exitCode()).toBe(130);
      expect(await processesNaming(dataDir())).toEqual([]);
    },
    2 * MINUTES,
  );

  it(
    'is ready, publishes the project it is in, watch shows a run live, and Ctrl-C leaves no process',
    async () => {
      expect((await terminal.run(['init', 'demo'], { cwd: 'work' })).code).toBe(0);
      await screen.run(`cd demo && ${start()}`);
      await screen.see(/^ready http:\/\/127\.0\.0\.1:\d+$/m, 3 * MINUTES);
      await screen.see('demo@1.0.0-dev.1', 2 * MINUTES);

      await using other = await openScreen('work/demo');
      await other.run(
        `pegasus-workflows run demo --profile local --input '{"name": "Ada", "waitSeconds": 600}'`,
      );
      await other.see('watch it: pegasus-workflows executions watch demo');

      await other.run('pegasus-workflows executions watch demo --profile local');
      await other.see(/demo@1\.0\.0-dev\.1 +run [0-9a-f-]{36}/);
      await other.press('C-c');
      await other.see('The run goes on.');
      expect(await other.exitCode()).toBe(130);

      await other.run('pegasus-workflows executions watch demo --profile local');
      const before = await other.see(/▸ timer[^]*until /);
      expect(before).not.toContain('composeGreeting');
      const hurry = ['executions', 'signal', 'demo', 'latest', 'hurry', '--profile', 'local'];
      const signalled = await terminal.run(hurry, { cwd: 'work/demo' });
      expect(signalled.code, signalled.stderr).toBe(0);
      await other.see(/composeGreeting[^]*COMPLETED in/);
      expect(await other.exitCode()).toBe(0);

      await screen.press('C-c');
      await screen.see('stopping; once more to force');
      expect(await screen.exitCode(2 * MINUTES)).toBe(0);
      expect(await processesNaming(dataDir())).toEqual([]);
    },
    6 * MINUTES,
  );
});
