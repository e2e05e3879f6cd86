import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { effectsOfCommand } from '../bash/analyse.js';
import { recap } from './acp-recap.js';
import { shellLine } from './acp-session.js';

describe('a command of an agent, as a line of bash', () => {
  const line = (command: string, args: string[] = [], cwd = '', env = {}): string =>
    shellLine({ command, args, env }, cwd);

  it('is as it was given where it is a line already', () => {
    expect(line('npm test && ls')).toBe('npm test && ls');
    expect(line('ls', [], 'src')).toBe('cd src && ls');
  });

  it('is understood as the same program in the same folder', () => {
    const told = effectsOfCommand(line('cat', ['a b.txt'], 'my docs'));
    expect(told).toContainEqual({ kind: 'read', path: 'my docs/a b.txt', subtree: false });
  });

  it('gives each word to the program as it was, and each variable', () => {
    const word = fc.string({ unit: 'grapheme' }).filter((one) => !one.includes('\0'));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 4 }), word, (args, value) => {
        const source = line('printf', ['%s\\0', ...args], '', { V: value });
        const printed = execFileSync('bash', ['-c', `${source} && printf '%s' "$V"`], { encoding: 'utf8' });
        expect(printed.split('\0')).toEqual([...args, value]);
      }),
      { numRuns: 30 },
    );
  });
});

describe('what an agent is told that begins', () => {
  const task = [
    { role: 'system', content: 'You are a coder.' },
    { role: 'user', content: 'Do it.' },
  ] as const;

  it('is its task', () => expect(recap(task)).toBe('You are a coder.\n\nDo it.'));

  it('is also what another one has said and done before it, in order, long results cut', () => {
    const told = recap([
      ...task,
      {
        role: 'assistant',
        content: 'I write.',
        toolCalls: [{ id: 'c', name: 'write', arguments: '{"path":"a"}' }],
      },
      { role: 'tool', toolCallId: 'c', content: 'x'.repeat(2_010) },
    ]);
    expect(told).toMatch(/^You are a coder\.\n\nDo it\.\n\nYou have worked on this already/);
    expect(told).toContain('You said: I write.\n\nYou called write with {"path":"a"}\n\nResult: xxx');
    expect(told).toMatch(/x{2000} \(and 10 characters more\)$/);
  });
});
