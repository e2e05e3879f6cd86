import { execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { runtimeEnv, withRuntime } from './runtime-env.js';

const BASE = 'http://127.0.0.1:3000';
const view = (): NodeJS.ProcessEnv => runtimeEnv({ HOME: '/home/ada' }, BASE);
const of = (token: string, dryRun = false) => ({ token: () => token, dryRun });

test('1, 3: outside of an activity there is the base URL alone, beside what was there', () => {
  expect({ ...view() }).toEqual({ HOME: '/home/ada', PEGASUS_API_BASE_URL: BASE });
  expect('PEGASUS_RUNTIME_TOKEN' in view()).toBe(false);
});

test('two activities at once see their own values, after an await too', async () => {
  const env = view();
  const read = async () => {
    await delay(1);
    return [env['PEGASUS_RUNTIME_TOKEN'], env['PEGASUS_DRY_RUN']];
  };
  const both = await Promise.all([withRuntime(of('one'), read), withRuntime(of('two', true), read)]);
  expect(both).toEqual([
    ['one', undefined],
    ['two', '1'],
  ]);
});

test('a renewed token is read by the next access; a copy and a child process have the one of the moment', () => {
  const env = view();
  let token = 'first';
  withRuntime({ token: () => token, dryRun: false }, () => {
    const copy = { ...env };
    const print = 'process.stdout.write(process.env.PEGASUS_RUNTIME_TOKEN)';
    expect(execFileSync(process.execPath, ['-e', print], { env }).toString()).toBe('first');
    token = 'second';
    expect([copy['PEGASUS_RUNTIME_TOKEN'], env['PEGASUS_RUNTIME_TOKEN']]).toEqual(['first', 'second']);
  });
});

test('2: what is written to a runtime variable changes nothing, anything else is as ever', () => {
  const env = view();
  withRuntime(of('mine'), () => {
    env['PEGASUS_RUNTIME_TOKEN'] = 'stolen';
    delete env['PEGASUS_API_BASE_URL'];
    env['OTHER'] = 'x';
    expect([env['PEGASUS_RUNTIME_TOKEN'], env['PEGASUS_API_BASE_URL'], env['OTHER']]).toEqual([
      'mine',
      BASE,
      'x',
    ]);
  });
  withRuntime(of('yours'), () => expect(env['PEGASUS_RUNTIME_TOKEN']).toBe('yours'));
  delete env['OTHER'];
  expect(Object.keys(env)).toEqual(['HOME', 'PEGASUS_API_BASE_URL']);
});
