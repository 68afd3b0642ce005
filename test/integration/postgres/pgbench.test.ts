import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { postgresProgram, psql } from '../support/login.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

let sut: TestStack;
beforeAll(async () => {
  sut = await startTestStack({ debian: true });
}, 90_000);
afterAll(() => sut?.stop(), 30_000);

describe.each([
  ['the embedded PostgreSQL 18', 'shop'],
  ["Debian's PostgreSQL 15", 'debian'],
] as const)('pgbench at %s', (_, target) => {
  const direct = (sql: string) => psql(sut.direct(target), ['-c', sql]).then(end => end.stdout.trim());
  const pgbench = (...args: string[]) =>
    postgresProgram('pgbench', sut.login('dba', target), args, { timeoutMs: 120_000 });

  test('makes and fills its tables', async () => {
    const end = await pgbench('--initialize', '--quiet');

    expect(end.code).toBe(0);
    expect(await direct('SELECT count(*) FROM pgbench_accounts')).toBe('100000');
  }, 120_000);

  test.each(['simple', 'extended', 'prepared'])(
    'runs its transactions by the %s protocol, and every one of them counts once',
    async mode => {
      const before = Number(await direct('SELECT count(*) FROM pgbench_history'));

      const end = await pgbench('--no-vacuum', '-M', mode, '-c', '4', '-t', '25');

      expect(end.code).toBe(0);
      expect(end.stdout).toContain('number of transactions actually processed: 100/100');
      expect(end.stdout).toContain('number of failed transactions: 0');
      expect(Number(await direct('SELECT count(*) FROM pgbench_history'))).toBe(before + 100);
      const sums =
        'SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(delta) FROM pgbench_history)';
      expect(await direct(sums)).toBe('t');
    },
    120_000,
  );
});
