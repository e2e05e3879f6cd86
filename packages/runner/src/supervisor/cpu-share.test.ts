/** How many cores each worker may use: `cpu-share.ts`, its invariants by number. */
import { expect, test } from 'vitest';
import { CpuShare } from './cpu-share.js';

/** What the sandbox is told as so many tenants are about, one number after the other. */
function told(cores: number, allowed: number, about: readonly number[]): number[] {
  const bounds: number[] = [];
  const gateway = { tenantsAbout: 0 };
  const share = new CpuShare({ boundCpus: (cpus) => bounds.push(cpus) }, allowed, gateway, cores);
  for (const tenantsAbout of about) {
    gateway.tenantsAbout = tenantsAbout;
    share.look();
  }
  return bounds;
}

test('1: an equal part of half of the machine while others are about, and what it had when they have gone', () => {
  expect(told(16, 15, [0, 1, 2, 2, 4, 1])).toEqual([4, 2, 15]);
  expect(told(2, 1, [1, 2, 1])).toEqual([0.5, 1]);
});

test('2: neither less than a worker needs nor more than the operator allows', () => {
  expect(told(4, 3, [40])).toEqual([0.5]);
  expect(told(16, 2, [2])).toEqual([]);
});
