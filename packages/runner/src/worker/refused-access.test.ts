/** What an author reads of an access that the sandbox refused. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { permissionFlags } from '../sandbox/permission.js';
import { nameRefusedAccess } from './refused-access.js';

/** What Node itself says under our flags. */
async function refused(attempt: string): Promise<Error> {
  const say =
    'JSON.stringify({ message: e.message, code: e.code, permission: e.permission, resource: e.resource })';
  const { stdout } = await promisify(execFile)(process.execPath, [
    ...permissionFlags(['/usr/share'], []),
    '-e',
    `try { ${attempt} } catch (e) { process.stdout.write(${say}); }`,
  ]);
  const said = JSON.parse(stdout) as { message: string };
  return Object.assign(new Error(said.message), said);
}

it('says which file it was, and that a program was to be started', async () => {
  const read = await refused(`require('node:fs').readFileSync('/srv/of/others');`);
  nameRefusedAccess(read);
  expect(read.message).toBe('The sandbox does not allow reading /srv/of/others');
  const start = await refused(`require('node:child_process').execFileSync('/bin/true');`);
  nameRefusedAccess(start);
  expect(start.message).toMatch(/^The sandbox does not allow starting a program/);
});

it('leaves every other failure as it is', () => {
  const failures = [new Error('no'), Object.assign(new Error('no'), { code: 'EACCES' }), 'no', null];
  for (const failure of failures) nameRefusedAccess(failure);
  expect(failures.map((failure) => (failure instanceof Error ? failure.message : failure))).toEqual([
    'no',
    'no',
    'no',
    null,
  ]);
});
