import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeError } from '../output/report-error.js';
import { Output } from '../output/output.js';
import { maskKey, maskKeys, registerGivenSecrets, registerSecret, SHORTEST_SECRET, unmask } from './mask.js';

const key = fc.stringMatching(/^vnd_[A-Za-z0-9_-]{20,48}$/);
/** Any shape at all: quotes, backslashes, signs of regular expressions, letters of all scripts. */
const secret = fc.string({ unit: 'grapheme', minLength: SHORTEST_SECRET, maxLength: 60 });

/** Everything that one command could print with this in it. */
function printed(text: string, json: boolean): string {
  let all = '';
  const stream = { write: (chunk: string) => void (all += chunk) };
  const out = new Output({ stdout: stream, stderr: stream, env: {}, json, color: false });
  out.line(text);
  out.note(text);
  out.warn(text);
  out.redraw(text);
  out.result({ text, list: [text], deep: { er: `before ${text} after` } });
  out.result(describeError(new Error(text)).report);
  return all;
}

describe('masking', () => {
  it('leaves no key in any text (invariant 2)', () => {
    fc.assert(
      fc.property(fc.string(), key, fc.string(), (before, secret, after) => {
        const masked = maskKeys(`${before} ${secret} ${after}`);
        expect(masked).not.toContain(secret.slice(4, -4));
        expect(masked).toContain(`vnd_…${secret.slice(-4)}`);
      }),
    );
  });

  it('shows nothing of a short key or of a foreign token (invariant 3)', () => {
    expect(maskKey('vnd_abcd1234')).toBe('…');
    expect(maskKey('eyJhbGciOi.something.long')).toBe('…');
    expect(maskKeys('the key vnd_abcd is wrong')).toBe('the key vnd_… is wrong');
  });

  it('leaves no registered secret of any shape on any way out, spelt as it is, as JSON or as a URL (invariant 1)', () => {
    fc.assert(
      fc.property(secret, fc.string(), fc.boolean(), (value, around, json) => {
        registerSecret(value);
        const url = encodeURIComponent(value);
        const text = `${around}${value}${around}\n${JSON.stringify({ value })} http://x/?key=${url}`;
        const all = printed(text, json);
        for (const spelling of [value, JSON.stringify(value).slice(1, -1), url])
          expect(all).not.toContain(spelling);
      }),
    );
  });

  it('prints what it was told to as it is, and not a key that begins with it (invariant 2)', () => {
    const [shown, hidden] = ['vnd_shown12345678901234567890', 'vnd_shown12345678901234567890more'];
    unmask(shown);
    unmask('vnd_shown1');
    expect(maskKeys(`${shown} ${hidden} vnd_shown1… vnd_other1…`)).toBe(
      `${shown} vnd_…more vnd_shown1… vnd_……`,
    );
  });

  it('keeps JSON valid, whatever the secret is made of', () => {
    fc.assert(
      fc.property(secret, (value) => {
        registerSecret(value);
        let all = '';
        const stream = { write: (chunk: string) => void (all += chunk) };
        new Output({ stdout: stream, stderr: stream, env: {}, json: true, color: false }).result({
          a: [value],
        });
        expect(Object.keys(JSON.parse(all) as object)).toEqual(['a']);
      }),
    );
  });

  it.each([
    [['run', '--token', 'a-foreign-token']],
    [['run', '--token=a-foreign-token']],
    [['setup', '--api-key', 'a-foreign-token']],
    [['setup', '--api-key=a-foreign-token']],
  ])('knows what %j carries', (argv) => {
    registerGivenSecrets(argv, {});
    expect(maskKeys('it was a-foreign-token.')).toBe('it was ….');
  });

  it('knows what the environment carries', () => {
    registerGivenSecrets([], { PEGASUS_WORKFLOW_TOKEN: 'token-of-the-environment' });
    expect(maskKeys('token-of-the-environment')).toBe('…');
  });
});
