import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const built = fileURLToPath(new URL('../dist/failpoints.js', import.meta.url));

function run(spec: string | undefined, body: string) {
  const env = { PATH: process.env['PATH'], ...(spec === undefined ? {} : { PEGASUS_FAILPOINTS: spec }) };
  return spawnSync(
    process.execPath,
    ['--input-type=module', '-e', `import { failpoint } from ${JSON.stringify(built)}; ${body}`],
    { env, encoding: 'utf8' },
  );
}

describe('failpoints', () => {
  it('does nothing when none is armed (invariant 1)', () => {
    expect(run(undefined, `failpoint('a.b'); console.log('alive')`).stdout).toBe('alive\n');
  });

  it('kills the process as SIGKILL does', () => {
    const { signal, stdout } = run(
      'run.after-insert=kill',
      `failpoint('run.after-insert'); console.log('alive')`,
    );
    expect([signal, stdout]).toEqual(['SIGKILL', '']);
  });

  it('fires once, at its n-th hit (invariant 2)', () => {
    const body = `const hits = []; for (let i = 1; i <= 5; i++) { try { failpoint('a.b'); } catch { hits.push(i); } } console.log(hits.join())`;
    expect(run('a.b=throw@3', body).stdout).toBe('3\n');
  });

  it('refuses an action it does not know (invariant 3)', () => {
    const { status, stderr } = run('a.b=explode', `failpoint('a.b')`);
    expect(status).toBe(1);
    expect(stderr).toContain('PEGASUS_FAILPOINTS: cannot read "a.b=explode"');
  });
});
