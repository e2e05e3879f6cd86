import { PegasusError } from '@pegasus-workflows/contracts';
import { expect, it } from 'vitest';
import { errorForLog } from './error-log.js';

it('says what went wrong and where, without the values it went wrong with', () => {
  const driver = Object.assign(new Error('violates a constraint'), { code: '23514', detail: 'row (4242)' });
  const query = Object.assign(new Error('Failed query: insert into x\nparams: 4242', { cause: driver }), {
    query: 'insert into x',
    params: ['4242'],
  });
  const known = new PegasusError('INTERNAL_ERROR', 'Something went wrong.', {
    cause: query,
    data: { input: '4242' },
    problems: ['4242'],
  });
  const logged = errorForLog(known);
  expect(logged).toMatchObject({
    type: 'PegasusError',
    code: 'INTERNAL_ERROR',
    message: 'Something went wrong.',
    stack: expect.stringMatching(/^\s+at /),
    cause: { message: 'Failed query: insert into x', cause: { code: '23514' } },
  });
  expect(JSON.stringify(logged)).not.toContain('4242');
});

it('takes anything that can be thrown, and ends where causes go in a circle', () => {
  expect(errorForLog('4242')).toEqual({ type: 'string', message: 'not an Error', stack: '' });
  const circle = new Error('round');
  circle.cause = circle;
  expect(JSON.stringify(errorForLog(circle)).match(/round/g)).toHaveLength(6);
});
