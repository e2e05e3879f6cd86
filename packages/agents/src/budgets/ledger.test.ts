import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextInput } from './estimate.js';
import {
  closeChild,
  grantCall,
  openAccount,
  openChild,
  restOf,
  settleCall,
  type Account,
  type Grant,
} from './ledger.js';
import { costOf, priceTableSchema } from './prices.js';

/** Budgets: `ledger.ts`, its invariants by number. */
const prices = priceTableSchema.parse({
  models: {
    small: { inputPerMillion: 0.15, outputPerMillion: 0.6, cachedInputPerMillion: 0.0375 },
    large: { inputPerMillion: 15, outputPerMillion: 75 },
    free: { inputPerMillion: 0, outputPerMillion: 0 },
  },
});
const BUDGET = { tokens: 1_000, dollars: 1, wallClockMs: 60_000 };

function granted(result: ReturnType<typeof grantCall>): { account: Account; grant: Grant } {
  if ('exhausted' in result) throw new Error(result.exhausted.detail);
  return result;
}
function refused(result: ReturnType<typeof grantCall> | ReturnType<typeof openChild>): string {
  if ('exhausted' in result) return `${result.exhausted.unit}: ${result.exhausted.detail}`;
  throw new Error('it was granted');
}
const call = { id: 'c1', model: 'small', tokensIn: 100, tokensOut: 500 };

describe('a call', () => {
  it('is granted what is left of each unit, and no more', () => {
    const open = openAccount(BUDGET, 0);
    expect(granted(grantCall(open, prices, call, 10)).grant).toEqual({
      id: 'c1',
      model: 'small',
      maxTokensOut: 500,
      timeoutMs: 59_990,
    });
    const tight = { ...call, tokensOut: 5_000 };
    expect(granted(grantCall(open, prices, tight, 0)).grant.maxTokensOut).toBe(900);
    const poor = openAccount({ ...BUDGET, dollars: 0.01 }, 0);
    // 100 tokens in are 1500 millionths of a dollar; 8500 are enough for 113 tokens out.
    const large = { ...call, model: 'large' };
    expect(granted(grantCall(poor, prices, large, 0)).grant.maxTokensOut).toBe(113);
  });

  it('that would pass a cap is not made, and says what was spent (invariant 1)', () => {
    const open = openAccount(BUDGET, 0);
    expect(refused(grantCall(open, prices, { ...call, tokensIn: 990 }, 0))).toBe(
      'tokens: The next call may take 1006 tokens; 0 of 1000 tokens and $0.0000 of $1.0000 are spent.',
    );
    const poor = openAccount({ ...BUDGET, dollars: 0.001 }, 0);
    expect(refused(grantCall(poor, prices, { ...call, model: 'large' }, 0))).toMatch(/^dollars: /);
    expect(refused(grantCall(open, prices, call, 60_000))).toMatch(/^wallClockMs: Its time is up; /);
  });

  it('under way holds its part until it is settled', () => {
    const first = granted(grantCall(openAccount(BUDGET, 0), prices, call, 0));
    expect(restOf(first.account).tokens).toBe(400);
    const settled = settleCall(first.account, prices, first.grant, { in: 80, out: 20 });
    expect(restOf(settled).tokens).toBe(900);
    expect(settled.spent).toEqual({ tokens: 100, cost: 24, tokensIn: 80, tokensOut: 20 });
  });

  it('that used more than it was granted is counted, and is the last (invariant 4)', () => {
    const first = granted(grantCall(openAccount(BUDGET, 0), prices, call, 0));
    const settled = settleCall(first.account, prices, first.grant, { in: 100, out: 2_000 });
    expect(settled.spent.tokens).toBe(2_100);
    expect(refused(grantCall(settled, prices, { ...call, id: 'c2', tokensIn: 1 }, 0))).toMatch(
      /2100 of 1000/,
    );
  });

  it('is settled once (invariant 5)', () => {
    const { account, grant } = granted(grantCall(openAccount(BUDGET, 0), prices, call, 0));
    expect(() => grantCall(account, prices, call, 0)).toThrow('the grant "c1" is under way already');
    const settled = settleCall(account, prices, grant, { in: 1, out: 1 });
    expect(() => settleCall(settled, prices, grant, { in: 1, out: 1 })).toThrow('no grant "c1" to settle');
  });

  it('of a model without a price is refused, unless such are allowed', () => {
    const unknown = { ...call, model: 'toString' };
    expect(() => grantCall(openAccount(BUDGET, 0), prices, unknown, 0)).toThrow(
      'The model "toString" has no price.',
    );
    const free = granted(grantCall(openAccount(BUDGET, 0), { ...prices, allowUnknown: true }, unknown, 0));
    expect(free.account.held['c1']).toEqual({ tokens: 600, cost: 0 });
  });
});

describe('a child', () => {
  it('has its part taken from its parent, and gives back the rest (invariants 2 and 3)', () => {
    const opened = openChild(
      openAccount(BUDGET, 0),
      'k',
      { tokens: 800, dollars: 5, wallClockMs: 90_000 },
      1_000,
    );
    if ('exhausted' in opened) throw new Error('refused');
    expect(opened.child.caps).toEqual({ tokens: 800, cost: 1_000_000, deadline: 60_000 });
    expect(restOf(opened.account)).toEqual({ tokens: 200, cost: 0 });
    const { account: busy, grant } = granted(grantCall(opened.child, prices, call, 1_000));
    const done = settleCall(busy, prices, grant, { in: 100, out: 100 });
    expect(restOf(closeChild(opened.account, 'k', done)).tokens).toBe(800);
    // One that died in the middle of a call may have used all of it.
    expect(restOf(closeChild(opened.account, 'k', busy)).tokens).toBe(400);
  });

  it('is not dispatched with nothing', () => {
    const all = granted(grantCall(openAccount(BUDGET, 0), prices, { ...call, tokensOut: 900 }, 0)).account;
    expect(refused(openChild(all, 'k', BUDGET, 0))).toMatch(/^tokens: Nothing is left for a child/);
  });
});

it.each([
  ['small', { in: 1_000_000, out: 0 }, 150_000],
  ['small', { in: 1, out: 0 }, 1],
  ['small', { in: 1_000_000, out: 0, cachedIn: 1_000_000 }, 37_500],
  ['large', { in: 100, out: 113 }, 9_975],
  ['free', { in: 100, out: 113 }, 0],
] as const)('the model %s costs for %j %d millionths of a dollar', (model, usage, cost) =>
  expect(costOf(prices, model, usage)).toBe(cost),
);

it('the next call’s input is what was counted, and what was added at its most', () => {
  expect(nextInput(undefined, ['héllo'])).toBe(22);
  expect(nextInput({ in: 1_000, out: 50 }, ['x', ''])).toBe(1_083);
});

describe('in runs that somebody made up', () => {
  /** A tree of dispatches that call, dispatch and end in any order. `who` chooses one of those that run. */
  const step = fc.oneof(
    fc.record({
      do: fc.constant('call' as const),
      who: fc.nat(),
      model: fc.constantFrom('small', 'large', 'free'),
      tokensIn: fc.nat(400),
      tokensOut: fc.nat(800),
    }),
    fc.record({
      do: fc.constant('settle' as const),
      who: fc.nat(),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    fc.record({
      do: fc.constant('dispatch' as const),
      who: fc.nat(),
      tokens: fc.integer({ min: 1, max: 2_000 }),
      dollars: fc.double({ min: 0.0001, max: 0.2, noNaN: true }),
    }),
    fc.record({ do: fc.constant('end' as const), who: fc.nat() }),
    fc.record({ do: fc.constant('wait' as const), who: fc.nat(), ms: fc.nat(2_000) }),
  );

  interface Running {
    id: string;
    parent: Running | undefined;
    account: Account;
    calls: { grant: Grant; tokensIn: number }[];
    children: number;
    /** Spent by it and all below it, as the provider counts: nothing that the ledger says. */
    really: { tokens: number; cost: number };
  }

  it('spending never passes a cap, children included (invariants 1 to 3)', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 5_000 }), (steps, tokens) => {
        let now = 0;
        let named = 0;
        const root: Running = {
          id: 'root',
          parent: undefined,
          account: openAccount({ tokens, dollars: 0.1, wallClockMs: 20_000 }, 0),
          calls: [],
          children: 0,
          really: { tokens: 0, cost: 0 },
        };
        const running = [root];
        for (const one of steps) {
          const who = running[one.who % running.length]!;
          if (one.do === 'wait') now += one.ms;
          else if (one.do === 'call') {
            const { model, tokensIn, tokensOut } = one;
            const result = grantCall(
              who.account,
              prices,
              { id: `g${named++}`, model, tokensIn, tokensOut },
              now,
            );
            if ('exhausted' in result) continue;
            expect(result.grant.timeoutMs).toBeLessThanOrEqual(root.account.caps.deadline - now);
            who.account = result.account;
            who.calls.push({ grant: result.grant, tokensIn });
          } else if (one.do === 'settle') {
            const under = who.calls.shift();
            if (!under) continue;
            const usage = {
              in: Math.floor(under.tokensIn * one.part),
              out: Math.floor(under.grant.maxTokensOut * one.part),
            };
            who.account = settleCall(who.account, prices, under.grant, usage);
            const cost = costOf(prices, under.grant.model, usage);
            for (let up: Running | undefined = who; up; up = up.parent) {
              up.really.tokens += usage.in + usage.out;
              up.really.cost += cost;
            }
          } else if (one.do === 'dispatch') {
            const { dollars } = one;
            const opened = openChild(
              who.account,
              `k${named}`,
              { tokens: one.tokens, dollars, wallClockMs: 5_000 },
              now,
            );
            if ('exhausted' in opened) continue;
            who.account = opened.account;
            who.children += 1;
            const child = { id: `k${named++}`, parent: who, account: opened.child, calls: [], children: 0 };
            running.push({ ...child, really: { tokens: 0, cost: 0 } });
          } else if (who.parent && who.children === 0) {
            who.parent.account = closeChild(who.parent.account, who.id, who.account);
            who.parent.children -= 1;
            running.splice(running.indexOf(who), 1);
          }
          for (const { account, really } of running) {
            expect(really.tokens).toBeLessThanOrEqual(account.caps.tokens);
            expect(really.cost).toBeLessThanOrEqual(account.caps.cost);
            // And so would be all that is granted, if it were used to the last.
            const held = Object.values(account.held);
            const most = account.spent.tokens + held.reduce((sum, amount) => sum + amount.tokens, 0);
            expect(most).toBeLessThanOrEqual(account.caps.tokens);
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
