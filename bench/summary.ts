import type { LegName } from './legs/leg.ts';
import { median } from './statistics.ts';
import type { Quantity, Sample } from './workloads/workload.ts';

/** Questions to the samples of one run. Each answer is undefined where the run did not measure it. */
export interface Summary {
  /** The median over the rounds. */
  value(quantity: Quantity, load: string, leg: LegName): number | undefined;
  /** The median over the rounds of value / direct's value of the same round. */
  ratio(quantity: Quantity, load: string, leg: LegName): number | undefined;
  /** The median over the rounds of value - direct's value of the same round. */
  added(quantity: Quantity, load: string, leg: LegName): number | undefined;
  readonly samples: readonly Sample[];
}

export function summarise(samples: readonly Sample[]): Summary {
  const select = (quantity: Quantity, load: string, leg: LegName) =>
    samples.filter(each => each.quantity === quantity && each.load === load && each.leg === leg);
  /** Compares each round with direct's of the same round: what disturbs a machine disturbs neighbours alike. */
  const against =
    (combine: (value: number, base: number) => number) =>
    (quantity: Quantity, load: string, leg: LegName) => {
      const base = new Map(select(quantity, load, 'direct').map(each => [each.round, each.value]));
      const compared = select(quantity, load, leg).flatMap(each => {
        const direct = base.get(each.round);
        return direct === undefined ? [] : [combine(each.value, direct)];
      });
      return compared.length === 0 ? undefined : median(compared);
    };
  return {
    samples,
    value: (quantity, load, leg) => {
      const values = select(quantity, load, leg).map(each => each.value);
      return values.length === 0 ? undefined : median(values);
    },
    ratio: against((value, base) => value / base),
    added: against((value, base) => value - base),
  };
}
