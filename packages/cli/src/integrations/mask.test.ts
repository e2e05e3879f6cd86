import { expect, test } from 'vitest';
import { maskRecord } from './mask.js';

test('personal data is replaced by something of the same form, and what is alike stays alike', () => {
  const { record, masked } = maskRecord({
    id: 'A-1',
    customer: {
      firstName: 'Ada',
      last_name: 'Lovelace',
      email: 'ada@lovelace.example',
      phone: '+43 660 1234567',
    },
    contact: { address_line_1: '12 St James Square', zip: 'SW1Y 4JH', iban: 'AT611904300234573201' },
    cc: ['ada@lovelace.example', 'charles@babbage.example'],
    born: { dateOfBirth: '1815-12-10' },
    total: 12.5,
    status: 'open',
    placedAt: '2026-01-31',
  });
  expect(record).toEqual({
    id: 'A-1',
    customer: {
      firstName: 'Given1',
      last_name: 'Family2',
      email: 'person-3@example.com',
      phone: expect.stringMatching(/^\+\d\d \d{3} \d{7}$/),
    },
    contact: {
      address_line_1: '5 Example Street',
      zip: expect.stringMatching(/^SW\dY \dJH$/),
      iban: expect.stringMatching(/^AT\d{18}$/),
    },
    cc: ['person-3@example.com', 'person-8@example.com'],
    born: { dateOfBirth: '1990-01-01' },
    total: 12.5,
    status: 'open',
    placedAt: '2026-01-31',
  });
  const text = JSON.stringify(record);
  for (const told of [
    'Ada',
    'Lovelace',
    'lovelace',
    '1234567',
    'James',
    'SW1Y 4JH',
    '611904300234573201',
    '1815',
  ])
    expect(text).not.toContain(told);
  expect(masked).toHaveLength(10);
  expect(masked).toContain('cc.0');
});

test('numbers stay numbers, and nothing else is touched', () => {
  const record = { phone: 43660123, quantity: 3, note: null, ok: true, name: '', list: [1, [2]] };
  const done = maskRecord(record);
  expect(done.masked).toEqual(['phone']);
  expect(done.record).toEqual({ ...record, phone: expect.any(Number) });
  expect((done.record as typeof record).phone).not.toBe(43660123);
});
