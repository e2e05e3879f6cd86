/** The value below which the share `q` (0 to 1) of the samples lies; nearest rank. NaN without samples. */
export function quantile(samples, q) {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN;
}

export const median = (samples) => quantile(samples, 0.5);
