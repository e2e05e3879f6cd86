import { type DispatchBudget } from '@pegasus-workflows/contracts/agents';
import { costOf, MICRO, type MicroDollars, type PriceTable, type Usage } from './prices.js';

/**
 * Job: what a dispatch and those below it may still spend.
 *
 * Boundary: plain data and arithmetic, with the time given from outside: a workflow replays it, and it goes to another
 * host as JSON. Whoever makes a call of a model asks for a grant first, and settles it afterwards.
 *
 * Invariants
 * 1. What is spent and what is granted together never pass a cap, at any time and on any level: a grant that would is
 *    refused before the call is made.
 * 2. A child's caps are taken from its parent's rest when it is dispatched, and what it did not spend is given back when
 *    it ends; while it runs, nobody else can spend them.
 * 3. A child ends no later than its parent: time is not taken in parts, it passes for all.
 * 4. A call that used more than it was granted, which a provider may do, is counted in full; there is no grant after it
 *    until the spending is below the caps again.
 * 5. Settling twice, or what was never granted, is an error of the caller's.
 */
export interface Account {
  readonly caps: Caps;
  readonly spent: Spending;
  /** Taken for calls under way and for children, by their names. */
  readonly held: Readonly<Record<string, Amount>>;
}

export interface Amount {
  tokens: number;
  cost: MicroDollars;
}

export interface Spending extends Amount {
  tokensIn: number;
  tokensOut: number;
}

export interface Caps {
  tokens: number;
  cost: MicroDollars;
  /** Epoch milliseconds. */
  deadline: number;
}

export interface CallRequest {
  /** Names the grant: what it is settled by. */
  id: string;
  model: string;
  /** No fewer than the call will be counted: see `estimate.ts`. */
  tokensIn: number;
  /** What the caller would like to have at most; it is granted what is left. */
  tokensOut: number;
}

export interface Grant {
  id: string;
  model: string;
  /** To be given to the provider as its limit. */
  maxTokensOut: number;
  /** After that the call is to be broken off. */
  timeoutMs: number;
}

/** Why there is no grant. `detail` says what was spent, in one sentence. */
export interface Exhausted {
  unit: 'tokens' | 'dollars' | 'wallClockMs';
  spent: Spending;
  detail: string;
}

/** An answer with fewer tokens is not worth a call. */
const LEAST_OUT = 16;

/** A budget that leaves nothing open: a role's, tightened. */
export type WholeBudget = Record<keyof DispatchBudget, number>;

/** An account at its beginning. `now`: epoch milliseconds. */
export function openAccount(budget: WholeBudget, now: number): Account {
  return {
    caps: {
      tokens: budget.tokens,
      cost: Math.floor(budget.dollars * MICRO),
      deadline: now + budget.wallClockMs,
    },
    spent: { tokens: 0, cost: 0, tokensIn: 0, tokensOut: 0 },
    held: {},
  };
}

/** What neither is spent nor granted; never below 0. */
export function restOf({ caps, spent, held }: Account): Amount {
  const taken = Object.values(held);
  const left = (unit: keyof Amount): number =>
    Math.max(0, caps[unit] - spent[unit] - taken.reduce((sum, amount) => sum + amount[unit], 0));
  return { tokens: left('tokens'), cost: left('cost') };
}

/** Invariant 1. Throws VALIDATION_ERROR for a model without a price. */
export function grantCall(
  account: Account,
  prices: PriceTable,
  { id, model, tokensIn, tokensOut }: CallRequest,
  now: number,
): { account: Account; grant: Grant } | { exhausted: Exhausted } {
  refuseName(account, id);
  const rest = restOf(account);
  const timeoutMs = account.caps.deadline - now;
  if (timeoutMs <= 0) return { exhausted: exhausted(account, 'wallClockMs', 'Its time is up') };
  const least = Math.min(tokensOut, LEAST_OUT);
  if (tokensIn + least > rest.tokens)
    return { exhausted: exhausted(account, 'tokens', `The next call may take ${tokensIn + least} tokens`) };
  let out = Math.min(tokensOut, rest.tokens - tokensIn);
  if (costOf(prices, model, { in: tokensIn, out: least }) > rest.cost)
    return { exhausted: exhausted(account, 'dollars', 'The next call may cost more than is left') };
  out = mostOut(prices, model, tokensIn, least, out, rest.cost);
  const amount = { tokens: tokensIn + out, cost: costOf(prices, model, { in: tokensIn, out }) };
  return {
    account: { ...account, held: { ...account.held, [id]: amount } },
    grant: { id, model, maxTokensOut: out, timeoutMs },
  };
}

/** Invariants 4 and 5. A call that failed without using anything is settled with zeros. */
export function settleCall(
  account: Account,
  prices: PriceTable,
  { id, model }: Grant,
  usage: Usage,
): Account {
  const { spent } = account;
  return {
    ...release(account, id),
    spent: {
      tokens: spent.tokens + usage.in + usage.out,
      cost: spent.cost + costOf(prices, model, usage),
      tokensIn: spent.tokensIn + usage.in,
      tokensOut: spent.tokensOut + usage.out,
    },
  };
}

/** Invariants 2 and 3. The child gets what it wants of what is left; nothing at all is refused. */
export function openChild(
  account: Account,
  id: string,
  budget: WholeBudget,
  now: number,
): { account: Account; child: Account } | { exhausted: Exhausted } {
  refuseName(account, id);
  const rest = restOf(account);
  const own = openAccount(budget, now);
  const caps = {
    tokens: Math.min(own.caps.tokens, rest.tokens),
    cost: Math.min(own.caps.cost, rest.cost),
    deadline: Math.min(own.caps.deadline, account.caps.deadline),
  };
  if (caps.deadline <= now) return { exhausted: exhausted(account, 'wallClockMs', 'Its time is up') };
  if (caps.tokens === 0) return { exhausted: exhausted(account, 'tokens', 'Nothing is left for a child') };
  const amount = { tokens: caps.tokens, cost: caps.cost };
  return {
    account: { ...account, held: { ...account.held, [id]: amount } },
    child: { ...own, caps },
  };
}

/** Gives back what a child did not spend (invariants 2 and 5). What it still holds counts as spent: nobody will tell. */
export function closeChild(account: Account, id: string, child: Account): Account {
  const { spent } = account;
  const lost = Object.values(child.held);
  const sum = (unit: keyof Amount): number =>
    lost.reduce((all, amount) => all + amount[unit], child.spent[unit]);
  return {
    ...release(account, id),
    spent: {
      tokens: spent.tokens + sum('tokens'),
      cost: spent.cost + sum('cost'),
      tokensIn: spent.tokensIn + child.spent.tokensIn,
      tokensOut: spent.tokensOut + child.spent.tokensOut,
    },
  };
}

/** The most output that the money is enough for; `least` is known to be affordable. */
function mostOut(
  prices: PriceTable,
  model: string,
  tokensIn: number,
  least: number,
  wanted: number,
  money: MicroDollars,
): number {
  let [low, high] = [least, Math.max(least, wanted)];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (costOf(prices, model, { in: tokensIn, out: middle }) <= money) low = middle;
    else high = middle - 1;
  }
  return low;
}

function release(account: Account, id: string): Account {
  const { [id]: held, ...others } = account.held;
  if (!held) throw new Error(`there is no grant ${JSON.stringify(id)} to settle`);
  return { ...account, held: others };
}

function refuseName(account: Account, id: string): void {
  if (Object.hasOwn(account.held, id))
    throw new Error(`the grant ${JSON.stringify(id)} is under way already`);
}

function exhausted(account: Account, unit: Exhausted['unit'], why: string): Exhausted {
  const { caps, spent } = account;
  const dollars = (cost: MicroDollars): string => (cost / MICRO).toFixed(4);
  return {
    unit,
    spent,
    detail: `${why}; ${spent.tokens} of ${caps.tokens} tokens and $${dollars(spent.cost)} of $${dollars(caps.cost)} are spent.`,
  };
}

/** Moves the end of the time on: a person was waited for. */
export function postpone(account: Account, ms: number): Account {
  return { ...account, caps: { ...account.caps, deadline: account.caps.deadline + ms } };
}
