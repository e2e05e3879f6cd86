import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { refusedCalls, syscallFilter } from './syscall-filter.js';

const ARCH = { x64: 0xc000003e, arm64: 0xc00000b7 } as const;

/** Runs a program as the kernel does. @returns `allow`, `kill` or `refuse` */
function run(program: Buffer, data: { number: number; arch: number }): string {
  let accumulator = 0;
  for (let at = 0; ; at++) {
    const op = program.readUInt16LE(at * 8);
    const [ifTrue, ifFalse] = [program.readUInt8(at * 8 + 2), program.readUInt8(at * 8 + 3)];
    const k = program.readUInt32LE(at * 8 + 4);
    if (op === 0x20) accumulator = k === 4 ? data.arch : data.number;
    else if (op === 0x15) at += accumulator === k ? ifTrue : ifFalse;
    else if (op === 0x35) at += accumulator >= k ? ifTrue : ifFalse;
    else if (op === 0x06) return k === 0x7fff0000 ? 'allow' : k === 0x80000000 ? 'kill' : 'refuse';
    else throw new Error(`instruction ${at} is ${op}`);
  }
}

describe.each(['x64', 'arm64'] as const)('the filter of %s', (arch) => {
  const program = syscallFilter(arch)!;
  const refused = new Set(refusedCalls(arch));

  it('refuses each call of its list, and no other', () => {
    for (let number = 0; number < 1_024; number++)
      expect([number, run(program, { number, arch: ARCH[arch] })]).toEqual([
        number,
        refused.has(number) ? 'refuse' : 'allow',
      ]);
  });

  it('ends a process that calls in the way of another architecture', () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.nat(1_024), (other, number) => {
        fc.pre(other !== ARCH[arch]);
        expect(run(program, { number, arch: other })).toBe('kill');
      }),
    );
  });

  it('is short enough for its jumps, and names no call twice', () => {
    expect(program.length / 8).toBeLessThan(256);
    expect(refused.size).toBe(refusedCalls(arch).length);
  });
});

it('x86-64: the second numbers of the x32 ABI are refused altogether', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0x40000000, max: 0xffffffff }), (number) => {
      expect(run(syscallFilter('x64')!, { number, arch: ARCH.x64 })).toBe('refuse');
    }),
  );
});

it('an architecture whose calls are not known has none', () => {
  expect(syscallFilter('riscv64')).toBe(undefined);
});
