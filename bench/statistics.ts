/** Order statistics of small samples. All throw RangeError on an empty one: there is no honest answer. */

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = ascending(values);
  const middle = sorted.length >> 1;
  const upper = sorted[middle]!;
  return sorted.length % 2 === 1 ? upper : (sorted[middle - 1]! + upper) / 2;
}

/** The smallest value that at least the share `rank` (0 to 1) of the sample does not exceed. */
export function quantile(values: readonly number[], rank: number): number {
  const sorted = ascending(values);
  return sorted[Math.max(0, Math.ceil(rank * sorted.length) - 1)]!;
}

function ascending(values: readonly number[]): Float64Array {
  if (values.length === 0) throw new RangeError('an empty sample has no order');
  return Float64Array.from(values).sort();
}
