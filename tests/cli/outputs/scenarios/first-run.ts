import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Scenario } from '../scenario.js';

/** A machine that has never seen Pegasus: credentials, the MCP registration, completion. */
export const FIRST_RUN: Scenario[] = [
  { name: 'profile list before the first one', args: ['profile', 'list'], code: 0 },
  {
    name: 'setup',
    args: ['setup', '--api-key', '-', '--api-root', '{url}'],
    input: '{secret.odd}\n',
    code: 0,
  },
  {
    name: 'setup again',
    args: ['setup', '--api-key', '-', '--api-root', '{url}'],
    input: '{secret.odd}\n',
    code: 0,
  },
  {
    name: 'setup beside a mcp file that is no JSON',
    args: ['setup', '--api-key', '-', '--api-root', '{url}', '--profile', 'other'],
    input: '{secret.odd}\n',
    code: 2,
    before: (stage) => writeFile(path.join(stage.terminal.root, '.mcp.json'), '{ not json'),
    after: async (stage) => {
      const file = path.join(stage.terminal.root, '.mcp.json');
      if ((await readFile(file, 'utf8')) !== '{ not json') throw new Error('.mcp.json was touched');
      await rm(file);
    },
  },
  { name: 'setup without a terminal or a key', args: ['setup', '--profile', 'fresh'], code: 2 },
  {
    name: 'configure',
    args: ['configure', '--profile', 'staging', '--api-key', '-', '--api-root', '{url}'],
    input: '{secret.odd}\n',
    code: 0,
  },
  { name: 'configure without a terminal', args: ['configure', '--profile', 'staging'], code: 2 },
  {
    name: 'configure a profile with a bad name',
    args: ['configure', '--profile', 'a b', '--api-key', '-'],
    input: '{secret.odd}\n',
    code: 2,
  },
  {
    name: 'login with a key that is refused',
    args: ['login', '{url}', '--api-key', '-', '--verify'],
    input: '{secret.odd}\n',
    code: 3,
  },
  {
    name: 'login',
    args: ['login', '{url}', '--profile', 'laptop', '--api-key', '-'],
    input: '{secret.odd}\n',
    code: 0,
    after: (stage) => stage.writeCredentials(),
  },
  { name: 'profile list', args: ['profile', 'list'], code: 0 },
  {
    name: 'profile list of a file that is no TOML',
    args: ['profile', 'list'],
    env: { PEGASUS_CREDENTIALS_FILE: 'broken.toml' },
    code: 2,
    before: (stage) =>
      writeFile(path.join(stage.terminal.root, 'broken.toml'), `[default\napi_key = "${stage.secrets[0]}"\n`),
    after: (stage) => rm(path.join(stage.terminal.root, 'broken.toml')),
  },
  { name: 'completion', args: ['completion', 'bash'], code: 0 },
  { name: 'completion of an unknown shell', args: ['completion', 'tcsh'], code: 2 },
  {
    name: 'dev on a port that is taken',
    args: ['dev', '--port', '{port}', '--data-dir', 'other-data'],
    code: 5,
    before: (stage) => {
      stage.kept.set('port', new URL(stage.platform.url).port);
      return Promise.resolve();
    },
  },
  { name: 'dev on no port', args: ['dev', '--port', '70000'], code: 2 },
  { name: 'mcp with an argument', args: ['mcp', 'now'], code: 2 },
];
