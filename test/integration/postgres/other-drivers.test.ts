import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { run } from '../../harness/program.ts';
import { debianPython } from '../../harness/tools.ts';
import { libpqEnvironment, withClient } from '../support/login.ts';
import { startTestStack, type TestStack } from '../support/test-stack.ts';

const pythonProgram = fileURLToPath(new URL('psycopg-session.py', import.meta.url));
const javaProgram = fileURLToPath(new URL('JdbcSession.java', import.meta.url));
/** Of Debian's libpostgresql-jdbc-java. */
const jdbcDriver = '/usr/share/java/postgresql.jar';

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

    const end = await run(debianPython, [pythonProgram], { env: libpqEnvironment(sut.login('dev', target)) });

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

// A Java development kit is some 300 MB: the short form goes without.
if (process.env['SALLYPORT_LONG'] === '1') {
  test('JDBC does its work (needs openjdk-17-jdk-headless and libpostgresql-jdbc-java)', async () => {
    const { port, ca, password } = sut.login('dev');
    const url = `jdbc:postgresql://localhost:${port}/shop?sslmode=verify-full&sslrootcert=${ca}`;

    const end = await run('java', ['-cp', jdbcDriver, javaProgram, url], { env: { PGPASSWORD: password } });

    expect(end).toMatchObject({ code: 0, stderr: '' });
    expect(end.stdout.trim().split('\n')).toEqual([
      'prepared=55',
      'refused=42501',
      'fetched=1000',
      'batched=20',
    ]);
  });
}
