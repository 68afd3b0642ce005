import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { debianPython } from '../../harness/tools.ts';
import { libpqEnvironment, withClient } from '../support/login.ts';
import { run } from '../support/program.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

const program = fileURLToPath(new URL('psycopg-session.py', import.meta.url));

let sut: TestStack;
beforeAll(async () => {
  sut = await startTestStack({ debian: true });
}, 90_000);
afterAll(() => sut?.stop(), 30_000);

test.each([
  ['the embedded PostgreSQL 18', 'shop'],
  ["Debian's PostgreSQL 15", 'debian'],
] as const)(
  'psycopg2 does its work at %s',
  async (_, target) => {
    const { rows } = await withClient(sut.direct(target), client =>
      client.query('SELECT id, status FROM orders WHERE id = 3'),
    );

    const end = await run(debianPython, [program], { env: libpqEnvironment(sut.login('dev', target)) });

    expect(end).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(end.stdout)).toEqual({
      row: [3, rows[0].status],
      refused: '42501',
      inFailedTransaction: '25P02',
      serverSideCursor: 500_500,
      executemany: 5,
      copy: '1\n2\n3\n',
      notified: 'hello',
    });
  },
  60_000,
);
