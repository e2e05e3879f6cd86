import { acknowledgementSchema, valueAt, type Acknowledgement } from '@pegasus-workflows/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderAcknowledgement } from './acknowledge.js';

const event = { eventId: 'E', receivedAt: '2026-01-01T00:00:00.000Z', payload: {} as unknown };
const template = (given: object): Acknowledgement => acknowledgementSchema.parse(given);
const render = (given: object, payload: unknown) =>
  renderAcknowledgement(template(given), { ...event, payload });

describe('an acknowledgement', () => {
  it('says by default that the event is there', () => {
    expect(renderAcknowledgement(null, event)).toEqual({
      status: 200,
      headers: { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' },
      body: '{"received":true,"eventId":"E"}',
    });
  });

  it('puts values into the tree of a JSON template with their types', () => {
    const body = { a: '{{n}}', b: '{{ deep.0.x }}', c: 'no. {{n}} of {{eventId}}', d: ['{{missing}}'] };
    const answer = render({ body }, { n: 1, deep: [{ x: { y: true } }] });
    expect(JSON.parse(answer.body!)).toEqual({ a: 1, b: { y: true }, c: 'no. 1 of E', d: [null] });
  });

  it('echoes a challenge as text, in the type that was asked for', () => {
    const answer = render(
      { status: 202, headers: { 'Content-Type': 'text/plain' }, body: '{{challenge}}' },
      { challenge: '3eZb' },
    );
    expect(answer).toMatchObject({ status: 202, body: '3eZb', headers: { 'content-type': 'text/plain' } });
  });

  it('escapes values in XML', () => {
    const answer = render(
      { headers: { 'content-type': 'text/xml' }, body: '<a b="{{x}}"/>' },
      { x: '"><c>&\'' },
    );
    expect(answer.body).toBe('<a b="&#34;&#62;&#60;c&#62;&#38;&#39;"/>');
  });

  it('may have no body at all', () => {
    expect(render({ status: 204 }, {})).toMatchObject({ status: 204, body: null });
  });

  it('is never broken by what a partner sends: one placeholder in JSON becomes exactly the value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string(), (value, text) => {
        const answer = render({ body: { whole: '{{v}}', part: '<{{t}}>' } }, { v: value, t: text });
        expect(JSON.parse(answer.body!)).toEqual(
          JSON.parse(JSON.stringify({ whole: value, part: `<${text}>` })),
        );
      }),
    );
  });

  it.each([
    ['a status that is none of success', { status: 302 }],
    ['a header that the platform sets', { headers: { 'Set-Cookie': 'a=b' } }],
    ['a header that breaks a line', { headers: { 'x-a': 'b\r\nx-c: d' } }],
    ['a header name with a space', { headers: { 'x a': 'b' } }],
    ['the same header twice', { headers: { 'x-a': '1', 'X-A': '2' } }],
    [
      'a text as JSON, which values could break',
      { headers: { 'content-type': 'application/json' }, body: '{"a":"{{b}}"}' },
    ],
    [
      'a text as HTML, which values could run in',
      { headers: { 'content-type': 'text/html' }, body: '{{b}}' },
    ],
    ['a body of an answer without one', { status: 204, body: {} }],
    ['a body that is too large', { body: 'x'.repeat(20_000) }],
    ['a field there is not', { stauts: 200 }],
  ])('cannot be %s', (_what, given) => {
    expect(acknowledgementSchema.safeParse(given).success).toBe(false);
  });
});

it('reads own keys alone, and never throws', () => {
  expect(valueAt({ a: [{ b: 1 }] }, 'a.0.b')).toBe(1);
  for (const path of ['__proto__', 'constructor.name', 'a.length.x', 'toString'])
    expect(valueAt({ a: 1 }, path)).toBeUndefined();
  fc.assert(fc.property(fc.anything(), fc.string(), (value, path) => void valueAt(value, path)));
});
