/** A configuration of a shop's orders that the gate passes, for tests to change. */
export interface ShopConfig {
  mapping: Record<string, unknown>;
  rules: Record<string, unknown>[];
  corpus: Record<string, unknown>[];
  [part: string]: unknown;
}

export const order = (changes: object = {}): object => ({ No: 'A-1', State: 'O', Total: '10', ...changes });

/** @param most orders above this total are refused */
export function shopConfig(most = 1_000): ShopConfig {
  return {
    mapping: {
      number: 'No',
      status: { $from: 'State', $map: { O: 'open', S: 'shipped' } },
      total: { $from: 'Total', coerce: 'toNumber' },
    },
    rules: [
      {
        id: 'big',
        description: 'Large orders go to a person.',
        field: 'total',
        message: `Orders above ${most} need an approval.`,
        when: [{ fact: 'total', op: 'gt', value: most }],
      },
      {
        id: 'reopened',
        description: 'A shipped order stays shipped.',
        field: 'status',
        message: 'A shipped order cannot be opened again.',
        when: [
          { fact: 'prior.status', op: 'eq', value: 'shipped' },
          { fact: 'status', op: 'eq', value: 'open' },
        ],
      },
    ],
    corpus: [
      { name: 'an order', input: { order: order() }, expected: { valid: true, ruleIds: [] } },
      {
        name: 'a large order',
        input: { order: order({ Total: String(most + 1) }) },
        expected: { valid: false, ruleIds: ['big'] },
      },
      {
        name: 'opened again',
        input: { order: order(), prior: order({ State: 'S' }) },
        expected: { valid: false, ruleIds: ['reopened'] },
      },
    ],
    inbound: { key: 'number' },
  };
}

/** The same with a case that fails. */
export function brokenConfig(): ShopConfig {
  const config = shopConfig();
  config.corpus.push({
    name: 'wrong',
    input: { order: order() },
    expected: { valid: false, ruleIds: ['big'] },
  });
  return config;
}
