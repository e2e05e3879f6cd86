import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestPlatform, type TestPlatform } from '../support/platform.js';
import { BIN, Terminal, type Finished } from './cli.js';

const KEY = 'vnd_credentialstest0123456789abcd';
const ODD = 'a/key+of=another.shape"\\4711';

let terminal: Terminal;
beforeEach(async () => {
  terminal = await Terminal.open();
});
afterEach(() => terminal[Symbol.asyncDispose]());

const file = () => path.join(terminal.root, 'home/.pegasus/credentials');
const mcpFile = () => path.join(terminal.root, '.mcp.json');
const stored = () => readFile(file(), 'utf8');

async function document(args: string[], input?: string): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await terminal.run(
    [...args, '--json'],
    input === undefined ? {} : { input },
  );
  expect(code, stdout + stderr).toBe(0);
  return JSON.parse(stdout) as Record<string, unknown>;
}

function failed({ code, stdout, stderr }: Finished): { code: number; error: string; hint: string } {
  expect(stderr).toBe('');
  const { error, hint } = JSON.parse(stdout) as { error: string; hint: string };
  return { code, error, hint };
}

describe('setup without a terminal', () => {
  it('stores a profile and adds the MCP server; a second time nothing changes', async () => {
    const args = ['setup', '--api-key', '-', '--api-root', 'http://127.0.0.1:4800/'];
    expect(await document(args, `${KEY}\r\n`)).toMatchObject({
      profile: { name: 'default', status: 'written', apiRoot: 'http://127.0.0.1:4800', file: file() },
      mcp: { file: mcpFile(), status: 'added' },
    });
    expect(await stored()).toBe(`[default]\napi_key = "${KEY}"\napi_root = "http://127.0.0.1:4800"\n`);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    const before = await readFile(mcpFile(), 'utf8');
    expect(await document(args, KEY)).toMatchObject({
      profile: { status: 'kept' },
      mcp: { status: 'unchanged' },
    });
    expect(await document(['setup'])).toMatchObject({ profile: { status: 'kept' } });
    expect(await readFile(mcpFile(), 'utf8')).toBe(before);
    expect((await readdir(terminal.root)).sort()).toEqual(['.mcp.json', 'home']);
  });

  it('without a key says which flag gives one, and has written nothing', async () => {
    const told = failed(await terminal.run(['setup', '--json']));
    expect(told).toMatchObject({ code: 2, error: expect.stringContaining('there is no terminal to ask at') });
    expect(told.hint).toContain('--api-key -');
    expect(await readdir(terminal.root)).toEqual([]);
  });

  it('replaces another key only by force', async () => {
    await document(['setup', '--api-key', KEY, '--skip-mcp']);
    expect(await readdir(terminal.root)).toEqual(['home']);
    const other = ['setup', '--api-key', `${KEY}2`, '--skip-mcp', '--json'];
    expect(failed(await terminal.run(other))).toMatchObject({
      code: 5,
      hint: expect.stringContaining('--force'),
    });
    expect(await stored()).toContain(`"${KEY}"`);
    await document(['setup', '--api-key', `${KEY}2`, '--skip-mcp', '--force']);
    expect(await stored()).toContain(`"${KEY}2"`);
  });

  it('--print-mcp-config prints the stanza and writes nothing', async () => {
    const { code, stdout } = await terminal.run(['setup', '--print-mcp-config']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      mcpServers: { pegasus: { command: 'npx', args: ['--no', 'pegasus-workflows', 'mcp'] } },
    });
    expect(await readdir(terminal.root)).toEqual([]);
    const both = await terminal.run(['setup', '--print-mcp-config', '--skip-mcp', '--json']);
    expect(failed(both)).toMatchObject({ code: 2, error: expect.stringContaining('--skip-mcp') });
  });
});

describe('.mcp.json', () => {
  const setup = (...more: string[]) => terminal.run(['setup', '--api-key', KEY, '--json', ...more]);

  it('keeps other servers, comments, indentation and line endings', async () => {
    const before =
      '{\r\n\t// mine\r\n\t"mcpServers": {\r\n\t\t"other": { "command": "x" }, // kept\r\n\t},\r\n}\r\n';
    await writeFile(mcpFile(), before);
    expect((await setup()).code).toBe(0);
    const after = await readFile(mcpFile(), 'utf8');
    for (const kept of ['\t// mine\r\n', '\t\t"other": { "command": "x" }', '// kept'])
      expect(after).toContain(kept);
    expect(after).toContain('\t\t"pegasus": {\r\n');
    expect(after).not.toMatch(/[^\r]\n/);
    expect(after).not.toContain(KEY);
  });

  it('keeps a pegasus server that says something else, unless by force', async () => {
    const before = '{"mcpServers": {"pegasus": {"command": "mine"}}, "more": [1]}';
    await writeFile(mcpFile(), before);
    const kept = await setup();
    expect(JSON.parse(kept.stdout)).toMatchObject({ mcp: { status: 'kept' } });
    expect(kept.stderr).toContain('--force');
    expect(await readFile(mcpFile(), 'utf8')).toBe(before);
    expect(JSON.parse((await setup('--force')).stdout)).toMatchObject({ mcp: { status: 'replaced' } });
    expect(JSON.parse(await readFile(mcpFile(), 'utf8'))).toMatchObject({
      mcpServers: { pegasus: { args: expect.arrayContaining(['mcp']) } },
      more: [1],
    });
  });

  it.each([
    ['no JSON', '{"mcpServers": {\n  oops\n', 'it is not JSON (line 2)'],
    ['a list', '[]', 'it is not a JSON object'],
    ['servers that are a list', '{"mcpServers": []}', 'its "mcpServers" is not an object'],
  ])('that is %s is left untouched, and no profile is written', async (_name, before, why) => {
    await writeFile(mcpFile(), before);
    expect(failed(await setup('--force'))).toMatchObject({ code: 2, error: expect.stringContaining(why) });
    expect(await readFile(mcpFile(), 'utf8')).toBe(before);
    expect(await readdir(terminal.root)).toEqual(['.mcp.json']);
  });

  it('that is a folder is refused', async () => {
    await mkdir(mcpFile());
    expect(failed(await setup())).toMatchObject({
      code: 2,
      error: expect.stringContaining('it is a folder'),
    });
  });
});

describe('configure', () => {
  it('takes a key of any shape, and shows it nowhere', async () => {
    const plain = await terminal.run(['configure', '--profile', 'odd', '--api-key', '-'], { input: ODD });
    expect(plain).toMatchObject({ code: 0, stdout: expect.stringContaining('Profile "odd" (…,') });
    expect(plain.stdout + plain.stderr).not.toContain('4711');
    expect(await stored()).toContain(JSON.stringify(ODD));
    // An API that echoes the key back, a debug stack, JSON: masked by value.
    const env = { PEGASUS_DEBUG: '1' };
    for (const more of [[], ['--json']]) {
      const args = [
        'workflows',
        'show',
        `x${ODD}`,
        '--profile',
        'odd',
        '--base-url',
        'http://127.0.0.1:9',
        ...more,
      ];
      const { stdout, stderr } = await terminal.run(args, { env });
      expect(stdout + stderr).not.toContain(ODD.slice(0, 10));
    }
  });

  it.each([
    ['short', 'abc', 'at least 8 characters'],
    ['with a space', 'two words of a key', 'has no space'],
    ['of two lines', 'firstline\nsecondline', 'has no space'],
    ['of letters no header can carry', 'schlüssel-schlüssel', 'plain letters'],
    ['empty', '', 'An API key is needed.'],
  ])('refuses a key that is %s, without repeating it', async (_name, input, why) => {
    const told = await terminal.run(['configure', '--api-key', '-'], { input });
    expect(told).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(why) });
    for (const word of input.split(/\s/).filter((one) => one.length > 3))
      expect(told.stderr).not.toContain(word);
  });

  it('changes the address alone of a profile that has a key', async () => {
    await document(['configure', '--api-key', KEY]);
    await document(['configure', '--api-root', 'https://pegasus.example.com']);
    expect(await stored()).toBe(`[default]\napi_key = "${KEY}"\napi_root = "https://pegasus.example.com"\n`);
  });

  it.each([
    [['--profile', 'a b'], 'Profile name "a b" is not usable.'],
    [['--api-root', 'localhost:4800'], 'is not an http or https URL'],
    [
      ['--api-root', 'https://me:secretpassword@pegasus.example.com'],
      'must not carry a user name or password',
    ],
    [['--api-root', 'ftp://me:secretpassword@pegasus.example.com'], 'is not an http or https URL'],
  ])('refuses %j', async (args, why) => {
    const told = await terminal.run(['configure', '--api-key', KEY, ...args]);
    expect(told).toMatchObject({ code: 2, stderr: expect.stringContaining(why) });
    expect(told.stderr).not.toContain('secretpassword');
  });

  it('of several at once loses no profile', async () => {
    const names = ['one', 'two', 'three', 'four', 'five'];
    const all = names.map((name) =>
      terminal.run(['configure', '--profile', name, '--api-key', `${KEY}${name}`]),
    );
    expect((await Promise.all(all)).map(({ code }) => code)).toEqual(names.map(() => 0));
    expect(await document(['profile', 'list'])).toHaveLength(names.length);
    expect(await readdir(path.dirname(file()))).toEqual(['credentials']);
  }, 120_000);

  it('killed between draft and rename leaves the old file whole; the next one mends the rest', async () => {
    await document(['configure', '--api-key', KEY]);
    const before = await stored();
    const env = { PEGASUS_FAILPOINTS: 'credentials.after-draft=kill' };
    expect((await terminal.run(['configure', '--api-key', `${KEY}new`], { env })).code).not.toBe(0);
    expect(await stored()).toBe(before);
    expect(await readdir(path.dirname(file()))).toHaveLength(3);
    await document(['configure', '--api-key', `${KEY}new`]);
    expect(await stored()).toContain(`${KEY}new`);
    expect(await readdir(path.dirname(file()))).toEqual(['credentials']);
  }, 120_000);
});

describe('profile list', () => {
  it('shows names and addresses, and no key', async () => {
    await document(['configure', '--api-key', KEY]);
    await document([
      'configure',
      '--profile',
      'local',
      '--api-key',
      KEY,
      '--api-root',
      'http://127.0.0.1:4800',
    ]);
    const { stdout, stderr } = await terminal.run(['profile', 'list']);
    expect(stdout).toMatch(
      /default +https:\/\/api\.pegasus\.dolas\.dev\nlocal +http:\/\/127\.0\.0\.1:4800\n/,
    );
    expect(stdout + stderr).not.toContain('vnd_');
    expect(await document(['profile', 'list'])).toEqual([
      { name: 'default', apiRoot: 'https://api.pegasus.dolas.dev' },
      { name: 'local', apiRoot: 'http://127.0.0.1:4800' },
    ]);
  });

  it('without a file is empty', async () => {
    expect(await document(['profile', 'list'])).toEqual([]);
    expect((await terminal.run(['profile', 'list'])).stdout).toContain('pegasus-workflows setup');
  });

  it('of a file that is no TOML names the line and quotes nothing', async () => {
    await document(['configure', '--api-key', KEY]);
    await writeFile(file(), `[default]\napi_key = ${KEY}\n`);
    const told = await terminal.run(['profile', 'list']);
    expect(told).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('credentials:2 is not valid TOML'),
    });
    expect(told.stderr).not.toContain(KEY.slice(4));
  });
});

/** Whether another user may run this checkout at all: it may lie where only root may go. */
function strangersMayRun(): boolean {
  try {
    execFileSync('setpriv', [...STRANGER, process.execPath, BIN, '--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
const STRANGER = ['--reuid=54321', '--clear-groups'];

describe.runIf(strangersMayRun())('a user without an account', () => {
  const run = (args: string[], env: NodeJS.ProcessEnv = {}) =>
    terminal.run(args, { env, wrapper: ['setpriv', ...STRANGER] });

  beforeEach(() => chmod(terminal.root, 0o755));

  it('has no home: what needs none works, and configure says what to set', async () => {
    const env = { HOME: undefined };
    expect((await run(['profile', 'list'], env)).stdout).toContain(
      'No profile in ~/.pegasus/credentials yet.',
    );
    expect((await run(['--help'], env)).code).toBe(0);
    const told = await run(['configure', '--api-key', KEY], env);
    expect(told).toMatchObject({ code: 2, stderr: expect.stringContaining('There is no home folder') });
    expect(told.stderr).toContain('PEGASUS_CREDENTIALS_FILE');
  });

  it('does not read the file of another user, and does read one of root', async () => {
    const other = path.join(terminal.root, 'theirs');
    await writeFile(other, `[default]\napi_key = "${KEY}"\n`, { mode: 0o644 });
    const env = { PEGASUS_CREDENTIALS_FILE: other };
    expect((await run(['profile', 'list'], env)).code).toBe(0);
    await chown(other, 12_345, 12_345);
    const told = await run(['profile', 'list'], env);
    expect(told).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('belongs to another user (uid 12345)'),
    });
  });

  it('may not read, or may not write: a sentence, and nothing changed', async () => {
    const mine = path.join(terminal.root, 'mine');
    await writeFile(mine, '', { mode: 0o600 });
    expect(await run(['profile', 'list'], { PEGASUS_CREDENTIALS_FILE: mine })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('cannot be read: permission denied'),
    });
    const told = await run(['configure', '--api-key', KEY], { HOME: path.join(terminal.root, 'home') });
    expect(told).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('cannot be written: permission denied'),
    });
    expect(await readdir(terminal.root)).toEqual(['mine']);
  });
});

/** Whether this process may make a file system of its own, in which nothing can be written. */
function mayMount(): boolean {
  try {
    execFileSync('unshare', ['--mount', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe.runIf(mayMount())('on a read-only file system', () => {
  it('commands that read work, and those that write say so', async () => {
    await document(['configure', '--api-key', KEY]);
    const readOnly = `mount --bind '${terminal.root}' '${terminal.root}' && mount -o remount,ro,bind '${terminal.root}' && cd '${terminal.root}' && exec "$@"`;
    const wrapper = ['unshare', '--mount', 'sh', '-c', readOnly, 'sh'];
    expect(await terminal.run(['profile', 'list'], { wrapper })).toMatchObject({ code: 0 });
    for (const args of [['configure', '--api-key', `${KEY}2`], ['setup']]) {
      const { code, stderr } = await terminal.run(args, { wrapper });
      expect({ args, code, stderr }).toMatchObject({ code: 1, stderr: expect.stringMatching(/read-only/) });
    }
    expect(await stored()).toContain(`"${KEY}"`);
    expect(await readdir(terminal.root)).toEqual(['home']);
  });
});

describe('login', () => {
  let platform: TestPlatform;
  beforeAll(async () => {
    platform = await startTestPlatform();
  }, 300_000);
  afterAll(() => platform?.dispose());

  it('--verify stores a key that the platform takes, and no other', async () => {
    const key = platform.tenant.apiKey;
    expect(await document(['login', platform.url, '--api-key', '-', '--verify'], key)).toMatchObject({
      name: 'default',
      apiRoot: platform.url,
      verified: true,
    });
    const before = await stored();
    const wrong = await terminal.run(['login', platform.url, '--api-key', '-', '--verify'], {
      input: `${KEY}`,
    });
    expect(wrong.code).toBe(3);
    expect(wrong.stdout + wrong.stderr).not.toContain(KEY.slice(4));
    const nowhere = ['login', 'http://127.0.0.1:9', '--api-key', '-', '--verify', '--profile', 'x'];
    expect((await terminal.run(nowhere, { input: key })).code).toBe(6);
    expect(await stored()).toBe(before);
  }, 120_000);

  it('without --verify calls nobody', async () => {
    expect(await document(['login', 'http://127.0.0.1:9', '--api-key', KEY])).toMatchObject({
      verified: false,
    });
    expect(await stored()).toContain('http://127.0.0.1:9');
    await rm(file());
  });
});
