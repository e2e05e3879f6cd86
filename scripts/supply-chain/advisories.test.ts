import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

/** The command as it is run, with the npm that is there, a project that depends on `ladder` 1.0.0 and a registry of our own. */
const COMMAND = path.resolve(import.meta.dirname, '../audit.mjs');
const GRAVE = advisory('GHSA-aaaa-bbbb-cccc', 'high', 'Falls over');

let root: string;
let registry: Server | undefined;

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'pegasus-audit-'));
  const project = { name: 'house', version: '1.0.0', dependencies: { ladder: '1.0.0' } };
  await writeFile(path.join(root, 'package.json'), JSON.stringify(project));
  const resolved = 'https://registry.npmjs.org/ladder/-/ladder-1.0.0.tgz';
  const packages = { '': project, 'node_modules/ladder': { version: '1.0.0', resolved } };
  await writeFile(
    path.join(root, 'package-lock.json'),
    JSON.stringify({ name: 'house', version: '1.0.0', lockfileVersion: 3, requires: true, packages }),
  );
});

afterEach(async () => {
  registry?.closeAllConnections();
  await new Promise((done) => (registry === undefined ? done(undefined) : registry.close(done)));
  registry = undefined;
  await rm(root, { recursive: true, force: true });
});

function advisory(id: string, severity: string, title: string) {
  return {
    id: 1,
    url: `https://github.com/advisories/${id}`,
    title,
    severity,
    vulnerable_versions: '<2.0.0',
    cwe: [],
    cvss: { score: 0, vectorString: null },
  };
}

async function listen(listener: RequestListener): Promise<string> {
  registry = createServer(listener);
  await new Promise<void>((done) => registry!.listen(0, '127.0.0.1', done));
  return `http://127.0.0.1:${(registry.address() as AddressInfo).port}/`;
}

/** Answers an audit with these advisories, and what npm asks of the package next. */
const registryWith = (...advisories: object[]) =>
  listen((request, response) => {
    request.resume();
    const versions = { '1.0.0': { name: 'ladder', version: '1.0.0', dist: {} } };
    const answer = request.url!.startsWith('/-/npm/v1/security/advisories/bulk')
      ? { ladder: advisories }
      : { name: 'ladder', 'dist-tags': { latest: '1.0.0' }, versions };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
  });

async function audit(url: string, accepted: object[] = [], ...args: string[]) {
  const file = path.join(root, 'accepted.json');
  await writeFile(file, JSON.stringify({ licences: [], advisories: accepted }));
  const env = { ...process.env, npm_config_registry: url, npm_config_cache: path.join(root, 'cache') };
  return new Promise<{ code: unknown; stdout: string; stderr: string }>((done) => {
    execFile(
      process.execPath,
      [COMMAND, '--root', root, '--accepted', file, ...args],
      { env },
      (error, stdout, stderr) => done({ code: error?.code ?? 0, stdout, stderr }),
    );
  });
}

const acceptance = (until: string) => ({
  id: 'GHSA-aaaa-bbbb-cccc',
  package: 'ladder',
  reason: 'we never climb it, and no other one is sold',
  until,
});

it('fails on a grave advisory and names it', async () => {
  const { code, stderr } = await audit(await registryWith(GRAVE));
  expect(stderr).toContain('ladder <2.0.0: Falls over (high, GHSA-aaaa-bbbb-cccc)');
  expect(code).toBe(1);
});

it('passes when there is nothing, or nothing grave', async () => {
  const { code, stdout } = await audit(
    await registryWith(advisory('GHSA-dddd-eeee-ffff', 'moderate', 'Creaks')),
  );
  expect(stdout).toBe('audit: asked, nothing grave\n');
  expect(code).toBe(0);
});

it('lets an accepted one pass until its day, and says so', async () => {
  const url = await registryWith(GRAVE);
  const before = await audit(url, [acceptance('9999-12-31')]);
  expect(before.stdout).toContain('accepted until 9999-12-31: ladder <2.0.0: Falls over');
  expect(before.code).toBe(0);
  const after = await audit(url, [acceptance('2001-01-01')]);
  expect(after.stderr).toContain('accepted until 2001-01-01, which has passed');
  expect(after.code).toBe(1);
});

it('says that an acceptance is not needed any more', async () => {
  const { code, stdout } = await audit(await registryWith(), [acceptance('9999-12-31')]);
  expect(stdout).toContain('GHSA-aaaa-bbbb-cccc of ladder is accepted and not found any more: take it out');
  expect(code).toBe(0);
});

it('refuses an acceptance without a reason or a day', async () => {
  const { code, stderr } = await audit('http://127.0.0.1:1/', [
    { ...acceptance('9999-12-31'), until: 'never' },
  ]);
  expect(stderr).toContain('until');
  expect(code).toBe(1);
});

it('says that it could not ask, and why; fails then only where it must', async () => {
  const url = await listen((request, response) => {
    request.resume();
    response.writeHead(405).end();
  });
  const lenient = await audit(url);
  expect(lenient.stderr).toMatch(/^audit: not asked: 405 Method Not Allowed/);
  expect(lenient.code).toBe(0);
  expect((await audit(url, [], '--require')).code).toBe(1);
  const nobody = await audit('http://127.0.0.1:1/');
  expect(nobody.stderr).toMatch(/^audit: not asked: .*127\.0\.0\.1:1/);
  expect(nobody.code).toBe(0);
});

it('fails when npm fails for another reason than the registry', async () => {
  await rm(path.join(root, 'package-lock.json'));
  const { code, stderr } = await audit(await registryWith());
  expect(stderr).toContain('npm audit made no report');
  expect(code).toBe(1);
});
