import { describe, expect, test } from '@jest/globals';
import { judge } from '../../../bench/goals.ts';
import { sshGoals } from '../../../bench/ssh/goals.ts';
import { readSshOptions } from '../../../bench/ssh/options.ts';
import { sshReport } from '../../../bench/ssh/report.ts';
import { summarise } from '../../../bench/summary.ts';
import type { Sample } from '../../../bench/workloads/workload.ts';

const pair = (
  quantity: Sample['quantity'],
  load: string,
  direct: number,
  through: number,
): readonly Sample[] => [
  { quantity, load, leg: 'direct', round: 1, value: direct },
  { quantity, load, leg: 'sallyport', round: 1, value: through },
];

describe('the goals for SSH', () => {
  test('a rate is to be at least 0.85 of direct, an echo at most 200 us later', () => {
    const summary = summarise([
      ...pair('bulkRate', 'scp down, aes128-gcm', 100, 85),
      ...pair('bulkRate', 'sftp up, chacha20', 100, 84),
      ...pair('p50', 'echo, aes128-gcm', 150, 350),
      ...pair('p50', 'echo, chacha20', 150, 351),
    ]);

    const verdicts = new Map(judge(summary, sshGoals).map(each => [each.what, each.verdict]));

    expect(verdicts.get('rate, scp down, aes128-gcm')).toBe('reached');
    expect(verdicts.get('rate, sftp up, chacha20')).toBe('not reached');
    expect(verdicts.get('added p50, echo, aes128-gcm')).toBe('reached');
    expect(verdicts.get('added p50, echo, chacha20')).toBe('not reached');
    expect(verdicts.get('rate, scp up, chacha20')).toBe('not measured');
  });

  test('the report leaves out what a run did not measure', () => {
    const summary = summarise(pair('bulkRate', 'scp down, aes128-gcm', 100, 85));

    const report = sshReport(summary, judge(summary, sshGoals));

    expect(report).toMatch(/^scp down, aes128-gcm +1\.00 +0\.85$/m);
    expect(report).not.toContain('Echo p50');
  });
});

describe('the options of the bench for SSH', () => {
  test('only a run of everything, without a profile, draws the chart of the documentation', () => {
    expect(readSshOptions([])).toMatchObject({ whole: true, name: 'ssh', mebibytes: 256, rounds: 3 });
    expect(readSshOptions(['--quick'])).toMatchObject({ whole: false, name: 'ssh-quick', rounds: 1 });
    expect(readSshOptions(['--only', 'echo'])).toMatchObject({ whole: false, only: ['echo'] });
    expect(readSshOptions(['--profile', '/tmp/x'])).toMatchObject({ whole: false });
  });

  test.each([[['--rounds', '0']], [['--megabytes', '1.5']], [['--only', 'bulk']], [['--name', '../x']]])(
    '%j is refused',
    args => {
      expect(() => readSshOptions(args)).toThrow(TypeError);
    },
  );
});
