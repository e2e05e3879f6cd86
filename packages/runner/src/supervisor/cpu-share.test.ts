/** How many cores each worker may use: `cpu-share.ts`, its invariants by number. */
import { expect, onTestFinished, test } from 'vitest';
import { CpuShare } from './cpu-share.js';

/** A supervisor's share of so many cores, and who is about as far as its gateway knows. */
function scene(cores: number, allowed: number) {
  const about = { tenants: 0, came: () => undefined as void };
  const gateway = {
    get tenantsAbout() {
      return about.tenants;
    },
    onTenant: (listener: () => void) => void (about.came = listener),
  };
  return { about, share: new CpuShare(allowed, gateway, cores) };
}

/** A worker that writes down what it is bounded to. */
function worker() {
  const bounds: number[] = [];
  let end = (): void => undefined;
  const exited = new Promise<never>((resolve) => (end = resolve as () => void));
  return { bounds, exited, end, boundCpus: (cpus: number) => bounds.push(cpus) };
}

/** What a worker in use, and one that is not, are told as so many tenants are about, one number after the other. */
function told(cores: number, allowed: number, counts: readonly number[]) {
  const { about, share } = scene(cores, allowed);
  const [used, spare] = [share.add(worker()), share.add(worker())];
  share.use(used, 'a');
  for (const count of counts) {
    about.tenants = count;
    share.look();
  }
  return { used: used.bounds, spare: spare.bounds };
}

test('1: an equal part of half of the machine while others are about, and what it had when they have gone', () => {
  expect(told(16, 15, [0, 1, 2, 2, 4, 1]).used).toEqual([4, 2, 15]);
  expect(told(2, 1, [1, 2, 1]).used).toEqual([0.5, 1]);
});

test('1: workers of one tenant share its part, and what one leaves is the others’', async () => {
  const { about, share } = scene(16, 15);
  about.tenants = 2;
  const [draining, fresh, other] = [share.add(worker()), share.add(worker()), share.add(worker())];
  for (const one of [draining, fresh]) share.use(one, 'a');
  share.use(other, 'b');
  expect([draining, fresh, other].map(({ bounds }) => bounds.at(-1))).toEqual([2, 2, 4]);
  draining.end();
  await draining.exited;
  await Promise.resolve();
  expect(fresh.bounds.at(-1)).toBe(4);
});

test('2: neither less than a worker needs nor more than the operator allows', () => {
  expect(told(4, 3, [40]).used).toEqual([0.5]);
  expect(told(16, 2, [2]).used).toEqual([]);
  expect(told(16, 0, [1, 2])).toEqual({ used: [], spare: [] });
});

test('3: one that is nobody’s has half of that, and all that is allowed while nobody is about', () => {
  expect(told(2, 1, [1, 2, 0]).spare).toEqual([0.5, 0.25, 1]);
});

test('3: one that is taken has what is due to it at once', () => {
  const { about, share } = scene(2, 1);
  about.tenants = 1;
  const taken = share.add(worker());
  share.use(taken, 'a');
  expect(taken.bounds).toEqual([0.5, 1]);
});

test('4: one more tenant is noticed at once, and a worker that has ended is told nothing', async () => {
  const { about, share } = scene(2, 1);
  share.start();
  onTestFinished(() => share.stop());
  const [living, ended] = [share.add(worker()), share.add(worker())];
  share.use(living, 'a');
  share.use(ended, 'b');
  ended.end();
  await ended.exited;
  about.tenants = 2;
  about.came();
  expect([living.bounds, ended.bounds]).toEqual([[0.5], []]);
});
