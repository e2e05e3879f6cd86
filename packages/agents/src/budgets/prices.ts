import { PegasusError } from '@pegasus-workflows/contracts';
import { z } from 'zod';

/** Dollars for a million tokens. */
const rate = z.number().nonnegative('must not be negative').max(1_000_000, 'must be at most 1000000');

export const priceTableSchema = z.strictObject({
  /** By the model's name, as the engine is given it. */
  models: z.record(
    z.string().min(1),
    z.strictObject({
      inputPerMillion: rate,
      outputPerMillion: rate,
      /** Input that the provider had kept from a call before; as other input unless said. */
      cachedInputPerMillion: rate.optional(),
    }),
  ),
  /** Whether a model without a price may be called, at no cost. Otherwise a cap on dollars would say nothing. */
  allowUnknown: z.boolean().default(false),
});
export type PriceTable = z.output<typeof priceTableSchema>;

/** Tokens of one call, as the provider counts them. `cachedIn` is a part of `in`. */
export interface Usage {
  in: number;
  out: number;
  cachedIn?: number | undefined;
}

/** Millionths of a dollar, always a whole number: sums of money are not to depend on their order. */
export type MicroDollars = number;

export const MICRO = 1_000_000;

/** What a call costs, rounded up. Throws VALIDATION_ERROR for a model that has no price and needs one. */
export function costOf(
  prices: PriceTable,
  model: string,
  { in: input, out, cachedIn = 0 }: Usage,
): MicroDollars {
  const price = Object.hasOwn(prices.models, model) ? prices.models[model] : undefined;
  if (!price) {
    if (prices.allowUnknown) return 0;
    throw new PegasusError('VALIDATION_ERROR', `The model ${JSON.stringify(model)} has no price.`, {
      hint: 'Add it to the price table, or set allowUnknown there.',
    });
  }
  const cached = Math.min(cachedIn, input);
  // A price for a million tokens is the same number of millionths of a dollar for one.
  const cost =
    (input - cached) * price.inputPerMillion +
    cached * (price.cachedInputPerMillion ?? price.inputPerMillion) +
    out * price.outputPerMillion;
  return Math.ceil(cost - Number.EPSILON * cost);
}
