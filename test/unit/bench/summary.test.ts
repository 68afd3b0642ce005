import { describe, expect, test } from '@jest/globals';
import { judge } from '../../../bench/goals.ts';
import type { LegName } from '../../../bench/legs/leg.ts';
import { readOptions } from '../../../bench/options.ts';
import { cpuTimeUs, memoryKib } from '../../../bench/process-usage.ts';
import { median, quantile } from '../../../bench/statistics.ts';
import { summarise } from '../../../bench/summary.ts';
import { printed } from '../../../bench/workloads/client.ts';
import type { Quantity, Sample } from '../../../bench/workloads/workload.ts';

const rounds = (quantity: Quantity, load: string, leg: LegName, values: readonly number[]): Sample[] =>
  values.map((value, index) => ({ quantity, load, leg, round: index + 1, value }));

describe('order statistics', () => {
  test('the median is the middle value, or the mean of the two in the middle', () => {
    expect(median([30, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 30])).toBe(3);
  });

  test('a quantile is a value of the sample that its share does not exceed', () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);

    expect(quantile(hundred, 0.99)).toBe(99);
    expect(quantile(hundred, 0.5)).toBe(50);
    expect(quantile([7], 0.5)).toBe(7);
  });

  test('an empty sample has no median and no quantile', () => {
    expect(() => median([])).toThrow(RangeError);
    expect(() => quantile([], 0.5)).toThrow(RangeError);
  });
});

describe('the summary of a run', () => {
  test('a ratio compares within each round, so that a slow round slows both sides', () => {
    const summary = summarise([
      ...rounds('throughput', 'simple, 8 clients', 'direct', [100, 10, 1000]),
      ...rounds('throughput', 'simple, 8 clients', 'sallyport', [50, 6, 400]),
    ]);

    expect(summary.ratio('throughput', 'simple, 8 clients', 'sallyport')).toBe(0.5);
    expect(summary.value('throughput', 'simple, 8 clients', 'sallyport')).toBe(50);
  });

  test('what was not measured has no answer', () => {
    const summary = summarise(rounds('throughput', 'simple, 8 clients', 'sallyport', [50]));

    expect(summary.ratio('throughput', 'simple, 8 clients', 'sallyport')).toBeUndefined();
    expect(summary.added('p50', 'simple, 1 client', 'sallyport')).toBeUndefined();
  });
});

describe('the goals', () => {
  const verdicts = (samples: readonly Sample[]) =>
    new Map(judge(summarise(samples)).map(each => [each.what, each.verdict]));

  test('a run that measured nothing reaches no goal', () => {
    expect(new Set(verdicts([]).values())).toEqual(new Set(['not measured']));
  });

  test('a throughput is to be at least, a cost at most its limit', () => {
    const found = verdicts([
      ...rounds('throughput', 'simple, 8 clients', 'direct', [100]),
      ...rounds('throughput', 'simple, 8 clients', 'sallyport', [75]),
      ...rounds('throughput', 'simple, 8 clients', 'haproxy-tls', [76]),
      ...rounds('sessionMemory', 'idle', 'sallyport', [96]),
      ...rounds('sessionCpu', 'set-up', 'sallyport', [8.1]),
    ]);

    expect(found.get('throughput, simple, 8 clients')).toBe('reached');
    expect(found.get('throughput, simple, 8 clients, against HAProxy with TLS')).toBe('not reached');
    expect(found.get('idle session, TLS on both legs')).toBe('reached');
    expect(found.get('CPU to set a session up')).toBe('not reached');
  });
});

describe('the options of the bench', () => {
  test('the direct leg always runs, since ratios are to it', () => {
    expect(readOptions(['--legs', 'sallyport'])).toMatchObject({
      legs: ['direct', 'sallyport'],
      whole: false,
    });
  });

  test('only a run of everything may draw the chart of the README', () => {
    expect(readOptions([])).toMatchObject({ whole: true, name: 'latest' });
    expect(readOptions(['--quick'])).toMatchObject({ whole: false, name: 'quick', rounds: 1 });
    expect(readOptions(['--only', 'bulk'])).toMatchObject({ whole: false });
  });

  test.each([
    [['--rounds', '0']],
    [['--rounds', '1.5']],
    [['--only', 'x']],
    [['--legs', 'x']],
    [['--name', '../x']],
  ])('%j is refused', args => {
    expect(() => readOptions(args)).toThrow(TypeError);
  });
});

describe('what is read from elsewhere', () => {
  test('the kernel knows the CPU time and the memory of this process', () => {
    expect(cpuTimeUs([process.pid])).toBeGreaterThan(0);
    expect(memoryKib([process.pid], 'VmRSS')).toBeGreaterThan(1024);
    expect(memoryKib([process.pid], 'VmHWM')).toBeGreaterThan(1024);
  });

  test('a number that pgbench did not print is an error, not a zero', () => {
    expect(printed('latency average = 1 ms\ntps = 1234.5 (without)', 'tps =')).toBe(1234.5);
    expect(() => printed('pgbench: error', 'tps =')).toThrow(Error);
  });
});
