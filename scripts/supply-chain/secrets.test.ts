import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { filesToCommit, findSecrets } from './secrets.mjs';

/** Secrets are made while the test runs: written here they would be found in this file, and rightly. */
const ROOT = path.resolve(import.meta.dirname, '../..');
const letters = (length: number) => 'qWzXpLmTvBnK'.repeat(20).slice(0, length);

const SECRETS: [kind: string, text: string][] = [
  ['Pegasus API key', `key = "vnd_${letters(40)}"`],
  ['webhook secret', `secret: whsec_${randomBytes(32).toString('base64')}`],
  [
    'symmetric JSON Web Key',
    JSON.stringify({ keys: [{ kty: 'oct', k: randomBytes(32).toString('base64url') }] }),
  ],
  [
    'PrivateKey',
    generateKeyPairSync('rsa', { modulusLength: 2048 })
      .privateKey.export({ type: 'pkcs8', format: 'pem' })
      .toString(),
  ],
  ['PostgreSQLConnection', `DATABASE_URL=postgres://pegasus:${letters(12)}@db.example.com/pegasus`],
  ['BasicAuth', `fetch("https://ada:${letters(12)}@crm.example.com")`],
];

let checkout: string;
beforeEach(async () => {
  checkout = await mkdtemp(path.join(tmpdir(), 'pegasus-secrets-'));
  await cp(path.join(ROOT, '.secretlintrc.json'), path.join(checkout, '.secretlintrc.json'));
  execFileSync('git', ['init', '--quiet'], { cwd: checkout });
});
afterEach(() => rm(checkout, { recursive: true, force: true }));

it.each(SECRETS)('finds a planted secret: %s', async (kind, text) => {
  await writeFile(path.join(checkout, 'planted.md'), `a line\n${text}\n`);
  const found = await findSecrets(checkout, filesToCommit(checkout));
  expect(found.filter((each) => each.kind === kind)).toEqual([{ file: 'planted.md', line: 2, kind }]);
});

it('lets pass what says that it is made up', async () => {
  const madeUp = `vnd_ofatest0123456789abcdef vnd_${'A'.repeat(40)} postgres://ada:hunter2@db/x https://ada:hidden@x.example.com`;
  await writeFile(path.join(checkout, 'made-up.md'), madeUp);
  expect(await findSecrets(checkout, filesToCommit(checkout))).toEqual([]);
});

it('reads what a commit would carry, and nothing that git ignores', async () => {
  await writeFile(path.join(checkout, '.gitignore'), 'ignored.md\n');
  await writeFile(path.join(checkout, 'ignored.md'), SECRETS[0]![1]);
  await writeFile(path.join(checkout, 'tracked.md'), 'x');
  execFileSync('git', ['add', 'tracked.md'], { cwd: checkout });
  await writeFile(path.join(checkout, 'new.md'), 'x');
  const names = filesToCommit(checkout).map((file) => path.basename(file));
  expect(names.sort()).toEqual(['.gitignore', '.secretlintrc.json', 'new.md', 'tracked.md']);
});

it('does not call a folder clean that it cannot list', () => {
  expect(() => filesToCommit(path.join(checkout, '.git', 'hooks'))).toThrow('git could not list the files');
});
