import { createHash, randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Execution, type MasterKeys } from '@pegasus-workflows/contracts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Terminal } from '../cli/cli.js';
import { startTestPlatform, type TestPlatform } from '../support/platform.js';
import { eventually } from '../support/wait.js';
import { leaksBelow, leaksIn, leaksInProcesses, spellingsOf, type Leak } from './leaks.js';

/**
 * A secret that was set, used by a running workflow, replaced, and brought under another master key is nowhere on disk,
 * in no output of a command, and in no process's arguments or environment. What is no secret and went the same ways is
 * found by the same search, in each of those places.
 */
const MINUTES = 60_000;
const random = (): string => randomBytes(16).toString('hex');
/** Two parts that no other text has, and between them what escapings change. */
const secrets = [1, 2].map((n) => ({ name: `secret ${n}`, text: `${random()}"\\ü☃+/=&\t${random()}` }));
const [first, second] = secrets.map(({ text }) => text) as [string, string];
/** What is no secret: in a configuration value, in a run's input, in the platform's environment. */
const marks = { config: random(), input: random(), environment: random() };
const wanted = secrets.flatMap(spellingsOf);
const visible = Object.entries(marks).flatMap(([name, text]) => spellingsOf({ name, text }));

let dataDir: string;
let platform: TestPlatform;
let terminal: Terminal;
let crm: Server;
/** What the workflow has shown to the service, in order. */
const shown: string[] = [];
const printed: string[] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'pegasus-clear-'));
  // All that the platform writes is below one folder: temporary files too. It says all that it can say.
  const TMPDIR = path.join(dataDir, 'tmp');
  await mkdir(TMPDIR);
  const env = {
    TMPDIR,
    LOG_LEVEL: 'trace',
    VISIBLE_MARK: marks.environment,
    PEGASUS_EGRESS_ALLOW: '127.0.0.1',
  };
  [platform, terminal] = await Promise.all([
    startTestPlatform({ temporalOf: 'own', dataDir, env }),
    Terminal.open(),
  ]);
  crm = createServer((request, response) => {
    const token = request.headers.authorization?.replace('Bearer ', '') ?? '';
    shown.push(Buffer.from(token, 'base64url').toString());
    response.end();
  }).listen(0, '127.0.0.1');
  await mkdir(path.join(terminal.root, 'home', '.pegasus'), { recursive: true, mode: 0o700 });
  const profile = (name: string, key: string) =>
    `[${name}]\napi_key = "${key}"\napi_root = "${platform.url}"\n`;
  await writeFile(
    path.join(terminal.root, 'home', '.pegasus', 'credentials'),
    profile('default', platform.tenant.apiKey) + profile('operator', platform.platformTenant.apiKey),
    { mode: 0o600 },
  );
  const packages = path.join(import.meta.dirname, '..', '..', 'node_modules');
  await symlink(packages, path.join(terminal.root, 'node_modules'));
  await cp(path.join(import.meta.dirname, 'fixtures', 'keyed'), path.join(terminal.root, 'keyed'), {
    recursive: true,
  });
}, 5 * MINUTES);
afterAll(async () => {
  await platform?.dispose();
  await terminal?.[Symbol.asyncDispose]();
  crm?.closeAllConnections();
  crm?.close();
  await rm(dataDir, { recursive: true, force: true });
}, 2 * MINUTES);

/** A command, with what it ends with. */
async function command<T>(args: string[], { input = '', code = 0 } = {}): Promise<T> {
  const finished = await terminal.run([...args, '--json'], { input });
  printed.push(finished.stdout, finished.stderr);
  expect(finished.code, `${args.join(' ')}: ${finished.stderr}${finished.stdout}`).toBe(code);
  return JSON.parse(finished.stdout) as T;
}
const setSecret = (value: string, code = 0) =>
  command(['secrets', 'set', 'API_TOKEN', '--group', 'crm'], { input: value, code });
const usedBy = async (times: number) =>
  eventually(() => expect(shown).toHaveLength(times), { timeoutMs: 2 * MINUTES });

/** Calls that go wrong with a secret in their body: what is refused must not be told either. */
async function refusedCalls(text: string): Promise<void> {
  const path_ = `${platform.url}/api/v1/workflow-secrets-configs`;
  const value = { key: 'API_TOKEN', value: text };
  const json = 'application/json';
  for (const [method, at, type, body] of [
    ['POST', '/secrets', json, text],
    ['POST', '/secrets', json, `{"key": "A", "value": ${text}`],
    ['POST', '/secrets', 'text/plain', text],
    ['POST', '/secrets', json, JSON.stringify({ ...value, more: text })],
    ['POST', '/secrets', json, JSON.stringify({ key: text, value: text })],
    ['POST', '/secrets', json, JSON.stringify({ ...value, value: text.repeat(1_000) })],
    ['PUT', '/secrets/API_TOKEN', json, JSON.stringify(value)],
  ] as const) {
    const headers = { authorization: `Bearer ${platform.tenant.apiKey}`, 'content-type': type };
    const answer = await fetch(path_ + at, { method, headers, body });
    expect(answer.status, `${method} ${at}`).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    printed.push(await answer.text());
  }
}

const placesOf = (leaks: readonly Leak[]): string[] => [
  ...new Set(leaks.map(({ where, name }) => `${name} in ${path.relative(dataDir, where).split('/')[0]}`)),
];

it.runIf(process.platform === 'linux')(
  'a secret that is set, used and rotated is found nowhere in clear',
  async () => {
    await command(['push', '-C', 'keyed']);
    const { port } = crm.address() as AddressInfo;
    await setSecret(first);
    await setSecret(second, 5);
    await refusedCalls(second);
    await command(['configs', 'set', 'CRM_URL'], { input: `http://127.0.0.1:${port}/${marks.config}` });
    const started = await command<Execution>(['run', 'keyed', '--input', `{"mark": "${marks.input}"}`]);
    await usedBy(1);

    await command(['secrets', 'delete', 'API_TOKEN', '--group', 'crm']);
    await setSecret(second);
    await command(['executions', 'signal', 'keyed', started.id, 'again']);
    await usedBy(2);

    const rotated = await command<{ keyId: string }>(['secrets', 'rotate-master-key', '--data-dir', dataDir]);
    await eventually(
      async () => {
        const { currentKeyId, keys } = await command<MasterKeys>([
          'secrets',
          'master-keys',
          '--profile',
          'operator',
        ]);
        expect(currentKeyId).toBe(rotated.keyId);
        expect(keys.filter(({ removable }) => removable)).toHaveLength(1);
      },
      { timeoutMs: MINUTES, intervalMs: 1_000 },
    );
    // What a process has while it works, before the last step lets the worker go.
    const processes = await leaksInProcesses(wanted);
    expect(processes.leaks).toEqual([]);
    for (const pid of Object.values(platform.pids())) expect(processes.seen).toContain(String(pid));
    expect((await leaksInProcesses(visible)).leaks).toContainEqual(
      expect.objectContaining({ where: `/proc/${platform.pids().server}/environ`, name: 'environment' }),
    );
    expect((await leaksBelow(dataDir, wanted)).leaks).toEqual([]);

    await command(['executions', 'signal', 'keyed', started.id, 'again']);
    const ended = await command<Execution>(['executions', 'watch', 'keyed', started.id]);
    const digests = [first, second, second].map((text) => createHash('sha256').update(text).digest('hex'));
    expect(ended).toMatchObject({ status: 'COMPLETED', result: digests });
    expect(shown).toEqual([first, second, second]);
    await command(['executions', 'export', 'keyed', started.id]);
    await command(['secrets', 'list']);

    await platform.stop();
    const { leaks, files, bytes } = await leaksBelow(dataDir, wanted);
    expect(leaks).toEqual([]);
    expect((await leaksBelow(terminal.root, wanted)).leaks).toEqual([]);
    expect(leaksIn('output', Buffer.from(printed.join('\n')), wanted)).toEqual([]);
    // The same search, for what may be seen: the database, Temporal's database and the logs are all looked into.
    const seen = placesOf((await leaksBelow(dataDir, visible)).leaks);
    expect(seen).toContain('config in db');
    // Temporal's payloads are encrypted, and what code prints is in the log of its run; which tenant's is no secret.
    expect(seen).not.toContain('input in temporal');
    expect(seen).not.toContain('config in logs');
    const tenant = spellingsOf({ name: 'tenant', text: platform.tenant.tenantId });
    expect(placesOf((await leaksBelow(dataDir, tenant)).leaks)).toEqual(
      expect.arrayContaining(['tenant in temporal', 'tenant in logs']),
    );
    expect(files).toBeGreaterThan(500);
    expect(bytes).toBeGreaterThan(20 * 1024 * 1024);
  },
  10 * MINUTES,
);
