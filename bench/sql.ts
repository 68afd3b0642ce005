/**
 * What reading SQL costs, in microseconds of one core: `node bench/sql.ts`. Medians of rounds, after a warm-up.
 */
import { analyze } from '#lib/sql/analyze.ts';
import { SqlReader } from '#lib/sql/cache.ts';
import type { ReadingContext } from '#lib/sql/facts.ts';
import { loadGrammar } from '#lib/sql/grammar.ts';
import { Scanner } from '#lib/sql/scanner.ts';

const context: ReadingContext = {
  major: 15,
  searchPath: ['pg_catalog', 'public'],
  settingsPending: false,
  standardConformingStrings: true,
  clientEncoding: 'UTF8',
  prepared: () => undefined,
};

/** @returns microseconds of processor time for one call */
function measure(calls: number, call: (round: number) => void): number {
  const rounds: number[] = [];
  for (let round = 0; round < 15; round += 1) {
    const start = process.threadCpuUsage();
    for (let i = 0; i < calls; i += 1) call(i);
    const { user, system } = process.threadCpuUsage(start);
    rounds.push((user + system) / calls);
  }
  return rounds.sort((a, b) => a - b)[7] as number;
}

await loadGrammar(context.major);

const texts: readonly (readonly [string, (n: number) => string])[] = [
  ['pgbench select, 47 B', n => `SELECT abalance FROM pgbench_accounts WHERE aid = ${10_000 + n};`],
  [
    'point query, 105 B',
    n =>
      `SELECT id, name, email FROM customers WHERE email = 'someone-${10_000 + n}@example.com' AND age > ${10 + (n % 80)} LIMIT 50`,
  ],
  [
    'insert of 100 rows, 3 kB',
    n =>
      `INSERT INTO t VALUES ${Array.from({ length: 100 }, (_, i) => `(${n}, 'name of ${i}', ${i}.5)`).join(', ')}`,
  ],
  ['one literal of 10 kB', n => `INSERT INTO t VALUES (${n}, '${'x'.repeat(10_000)}')`],
  [
    'IN list of 1,400, 10 kB',
    n => `SELECT * FROM t WHERE a IN (${Array.from({ length: 1400 }, (_, i) => n + i).join(', ')})`,
  ],
];

const scanner = new Scanner();
for (const [name, make] of texts) {
  const some = Array.from({ length: 64 }, (_, n) => Buffer.from(make(n)));
  const calls = name.includes('kB') ? 500 : 20_000;
  const reader = new SqlReader();
  const of = (i: number) => some[i & 63] as Buffer;
  const scan = measure(calls, i => scanner.scan(of(i)));
  const hit = measure(calls, i => reader.read(of(i), context));
  const miss = measure(Math.min(calls, 500), i => analyze(of(i), context));
  console.log(
    `${name.padEnd(26)} scan ${scan.toFixed(2)} us, read by shape ${hit.toFixed(2)} us, parse and analyse ${miss.toFixed(1)} us`,
  );
}
