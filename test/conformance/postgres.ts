/**
 * `npm run conformance:postgres`: PostgreSQL's own regression suite, first direct and then through the
 * gateway, compared test by test.
 */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort } from '#local/ports.ts';
import { startPostgres } from '#local/postgres.ts';
import { type DebianPostgres, debianPostgres } from '../../bench/debian-postgres.ts';
import { temporaryFolder } from '../../bench/temporary-folder.ts';
import { compareRuns, type Row, unifiedDiff } from './comparison.ts';
import { isPassage, type PassageName, passages } from './passages.ts';
import { exceptions } from './postgres-exceptions.ts';
import { type Outcome, runRegress } from './postgres-regress.ts';
import { regressionSuite } from './postgres-source.ts';

const USAGE = `usage: npm run conformance:postgres -- [--through ${Object.keys(passages).join('|')}] [--only a,b,c]

PostgreSQL's own regression suite, first direct and then through the gateway under an allow-all policy.
Exits with 0 when each test comes out the same both ways but for the listed exceptions, else with 1.
  --through  what stands between psql and the server (default: sallyport)
  --only     these tests alone, one after another; most need test_setup first`;

const CACHE = join(import.meta.dirname, '../../.cache');
const GATEWAY_LOG = join(CACHE, 'conformance-gateway.log');

/** The suite's database. The gateway's target has this name too, since tests reconnect to `:DBNAME`. */
const DATABASE = 'regression';

/** What pg_regress would have run, had it made the database itself (`create_database` in pg_regress.c). */
const SETTINGS = {
  lc_messages: 'C',
  lc_monetary: 'C',
  lc_numeric: 'C',
  lc_time: 'C',
  bytea_output: 'hex',
  timezone_abbreviations: 'Default',
};

interface Plan {
  readonly postgres: DebianPostgres;
  readonly suite: string;
  readonly only: readonly string[];
  readonly signal: AbortSignal;
}

/** One run of the suite on a server of its own, so that one run's leftovers never meet the other. */
async function leg(plan: Plan, through: PassageName): Promise<Map<string, Outcome>> {
  await using folder = await temporaryFolder('conformance');
  const server = await startPostgres({
    binaries: plan.postgres.bin,
    folder: join(folder.path, 'server'),
    port: await freePort(),
    logFile: join(folder.path, 'server.log'),
    settings: { max_connections: '100', fsync: 'off', log_statement: 'none' },
  });
  try {
    await server.administer('postgres', async client => {
      await client.query(
        `CREATE DATABASE ${DATABASE} TEMPLATE=template0 ENCODING='UTF8' LC_COLLATE='C' LC_CTYPE='C'`,
      );
      for (const [name, value] of Object.entries(SETTINGS)) {
        await client.query(`ALTER DATABASE ${DATABASE} SET ${name} TO '${value}'`);
      }
    });
    const { host, port, superuser } = server;
    await using passage = await passages[through]({
      host,
      port,
      ...superuser,
      database: DATABASE,
      folder: folder.path,
    });
    try {
      return await runRegress({ ...plan, folder: folder.path, route: passage.route });
    } finally {
      if (passage.log !== undefined) await copyFile(passage.log, GATEWAY_LOG);
    }
  } finally {
    await server.stop();
  }
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(0)} s`;

function print(rows: readonly Row[]): void {
  const width = Math.max(...rows.map(row => row.test.length));
  for (const row of rows) {
    const head = `${row.test.padEnd(width)}  ${row.direct.padEnd(7)}  ${row.through.padEnd(7)}  ${row.verdict}`;
    console.log(row.reason === '' ? head : `${head}: ${row.reason}`);
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      through: { type: 'string', default: 'sallyport' },
      only: { type: 'string', default: '' },
      help: { type: 'boolean', default: false },
    },
  });
  const { through } = values;
  if (values.help || !isPassage(through)) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  const stopped = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => stopped.abort(new Error(`stopped by ${name}`)));
  }
  await mkdir(CACHE, { recursive: true });
  const postgres = await debianPostgres();
  const suite = await regressionSuite(CACHE, postgres);
  const plan = {
    postgres,
    suite: suite.folder,
    only: values.only.split(',').filter(Boolean),
    signal: stopped.signal,
  };

  console.log(`PostgreSQL ${suite.version}, its own regression suite: direct ...`);
  const began = performance.now();
  const direct = await leg(plan, 'direct');
  const between = performance.now();
  console.log(`... in ${seconds(between - began)}, and through ${through} ...`);
  const indirect = await leg(plan, through);
  console.log(`... in ${seconds(performance.now() - between)}`);

  await using scratch = await temporaryFolder('diff');
  const rows = compareRuns(direct, indirect, exceptions, unifiedDiff(scratch.path));
  print(rows);
  const count = (verdict: Row['verdict']) => rows.filter(row => row.verdict === verdict).length;
  console.log(
    `${rows.length} tests: ${count('same')} the same, ${count('excepted')} excepted, ` +
      `${count('different')} different, ${count('stale')} listed without need`,
  );
  const differences = rows.filter(row => row.diff !== '');
  if (differences.length > 0) {
    const report = join(CACHE, 'conformance-postgres.diff');
    const text = differences.map(row => `### ${row.test}: ${row.verdict}\n${row.diff}\n`).join('');
    await writeFile(report, text, 'latin1');
    console.log(`what differs: ${report}, and what the gateway logged: ${GATEWAY_LOG}`);
  }
  return count('different') + count('stale') === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`conformance: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
