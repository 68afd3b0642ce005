import { beforeAll, describe, expect, test } from '@jest/globals';
import type { CommandFacts } from '#lib/command.ts';
import type { Principal } from '#lib/identity/principal.ts';
import { loadConfig } from '#lib/policy/config/load.ts';
import { PolicyEngine } from '#lib/policy/engine.ts';
import { SqlReader } from '#lib/sql/cache.ts';
import { loadGrammar } from '#lib/sql/grammar.ts';
import { readCommandLine } from '#lib/ssh/shell/command-line.ts';
import { input, person, sampleFolder } from './fixtures.ts';

const people = {
  dev: person({ groups: ['developers'] }),
  dba: person({ groups: ['dbas'] }),
  agent: person({
    kind: 'agent',
    groups: ['agents'],
    onBehalfOf: { subject: 'dev', name: 'dev@shop.example' },
  }),
  // Its token has the groups of the person it acts for as well.
  'agent of a dba': person({ kind: 'agent', groups: ['agents', 'dbas'] }),
  'agent with a developer’s groups only': person({ kind: 'agent', groups: ['developers'] }),
  approver: person({ groups: ['approvers'] }),
  auditor: person({ groups: ['auditors'] }),
  nobody: person({ groups: [] }),
} satisfies Record<string, Principal>;

type Who = keyof typeof people;
const everybody = Object.keys(people) as Who[];

let engine: PolicyEngine;
const sql = new SqlReader();

beforeAll(async () => {
  await loadGrammar(15);
  const { snapshot, mistakes } = loadConfig(sampleFolder);
  expect(mistakes).toEqual([]);
  if (snapshot !== undefined) engine = PolicyEngine.load(snapshot);
});

function decide(who: Who, statement: string, target = 'shop') {
  const read = sql.read(Buffer.from(statement), {
    major: 15,
    searchPath: ['pg_catalog', 'public'],
    standardConformingStrings: true,
    clientEncoding: 'UTF8',
    prepared: () => undefined,
  });
  const about = { name: target, protocol: 'postgres', tags: {} };
  return engine.decide(input({ principal: people[who], command: read.command, target: about }));
}

/** What decided: `yes`, the id of the policy that forbids, or `no policy`. */
function verdict(who: Who, statement: string, target?: string): string {
  const { effect, policies } = decide(who, statement, target);
  return effect === 'allow' ? 'yes' : policies.join(' ') || 'no policy';
}

describe('in the sample shop', () => {
  test.each<[Who, string, string]>([
    // Reading.
    ['dev', 'SELECT * FROM orders', 'yes'],
    ['dev', 'SELECT 1', 'yes'],
    ['dev', '', 'yes'],
    ['dev', 'SELECT * FROM payments p JOIN customers c ON true', 'yes'],
    ['dev', 'SELECT pg_sleep(10)', 'yes'],
    ['dev', 'COPY orders TO STDOUT', 'yes'],
    [
      'dev',
      "SELECT c.relname FROM pg_catalog.pg_class c WHERE c.relname OPERATOR(pg_catalog.~) '^(orders)$' COLLATE pg_catalog.default AND pg_catalog.pg_table_is_visible(c.oid)",
      'yes',
    ],
    ['dev', 'SELECT table_name FROM information_schema.tables', 'yes'],
    ['dev', 'EXPLAIN ANALYZE SELECT * FROM orders', 'yes'],
    ['agent', 'SELECT count(*) FROM orders', 'yes'],
    ['agent', 'SELECT * FROM customer_orders', 'yes'],
    ['agent', 'SELECT typname FROM pg_catalog.pg_type', 'yes'],
    ['agent', 'SELECT * FROM payments', 'agents-no-card-data'],
    ['agent', 'SELECT o.id FROM orders o WHERE EXISTS (SELECT FROM public.payments)', 'agents-no-card-data'],
    ['agent', 'COPY payments TO STDOUT', 'agents-no-card-data'],
    ['agent of a dba', 'TABLE payments', 'agents-no-card-data'],
    ['agent of a dba', 'SELECT * FROM archive.payments', 'agents-no-card-data'],
    ['dba', 'SELECT * FROM payments', 'yes'],
    ['agent', 'SELECT query FROM pg_stat_activity', 'agents-no-statistics'],
    ['agent', 'SELECT query FROM pg_stat_get_activity(NULL)', 'agents-no-statistics'],
    ['agent', 'SELECT (1).pg_stat_get_backend_activity', 'agents-no-statistics'],
    ['agent', 'SELECT * FROM pg_prepared_statement(), pg_cursor()', 'agents-no-statistics'],
    ['agent', 'SELECT name FROM pg_show_all_settings()', 'yes'],
    ['dev', 'SELECT query FROM pg_stat_get_activity(NULL)', 'yes'],
    // Writing.
    ['dev', "UPDATE orders SET status = 'paid' WHERE id = 42", 'yes'],
    [
      'dev',
      "INSERT INTO orders (customer_id, status, total, placed_at) VALUES (1, 'placed', 9.90, now())",
      'yes',
    ],
    ['dev', 'DELETE FROM orders WHERE id = 42', 'yes'],
    ['dev', 'DELETE FROM orders', 'no-delete-without-where'],
    ['dev', 'DELETE FROM orders WHERE true', 'no-delete-without-where'],
    ['dev', "UPDATE orders SET status = 'paid'", 'no-update-without-where'],
    ['dev', 'UPDATE customers SET notes = $1 WHERE id = 1', 'no policy'],
    ['dev', 'WITH gone AS (DELETE FROM customers WHERE id = 1 RETURNING *) SELECT * FROM gone', 'no policy'],
    ['dev', 'SELECT 1; DELETE FROM payments WHERE id = 1', 'no policy'],
    ['dev', 'TRUNCATE orders', 'no policy'],
    ['dev', 'COPY orders FROM STDIN', 'yes'],
    ['dev', 'COPY customers FROM STDIN', 'no policy'],
    ['agent', "UPDATE orders SET status = 'paid' WHERE id = 42", 'agents-read-only'],
    ['agent', 'EXPLAIN ANALYZE DELETE FROM orders WHERE id = 42', 'agents-read-only'],
    ['agent of a dba', "UPDATE orders SET status = 'paid' WHERE id = 42", 'agents-read-only'],
    ['agent with a developer’s groups only', 'DELETE FROM orders WHERE id = 42', 'agents-read-only'],
    ['dba', "UPDATE orders SET status = 'paid'", 'yes'],
    ['dba', 'DELETE FROM orders', 'no-delete-without-where'],
    ['dba', 'TRUNCATE orders', 'yes'],
    // Definitions and rights.
    ['dev', 'CREATE TABLE t (a int)', 'no policy'],
    ['dev', 'SELECT * INTO t FROM orders', 'no policy'],
    ['dev', 'GRANT SELECT ON orders TO public', 'no policy'],
    ['dev', 'SET ROLE postgres', 'no policy'],
    ['dev', 'VACUUM orders', 'no policy'],
    ['dba', 'CREATE INDEX ON orders (status)', 'yes'],
    ['dba', 'GRANT SELECT ON orders TO public', 'yes'],
    ['dba', 'VACUUM orders', 'yes'],
    ['agent of a dba', 'DROP TABLE orders', 'agents-read-only'],
    // The session.
    ['dev', 'BEGIN; SELECT * FROM orders; COMMIT', 'yes'],
    ['dev', "SET statement_timeout = '5s'", 'yes'],
    ['dev', 'LISTEN orders_changed', 'yes'],
    ['dev', 'LOCK TABLE orders IN ACCESS SHARE MODE', 'yes'],
    ['agent', 'BEGIN', 'yes'],
    ['agent', "SET statement_timeout = '5s'", 'yes'],
    ['agent', 'LOCK TABLE orders', 'no policy'],
    // What cannot be seen into.
    ['dev', 'DO $$ BEGIN DELETE FROM orders; END $$', 'nothing-opaque'],
    ['dev', 'SELECT FROM WHERE', 'nothing-opaque'],
    ['dev', "SELECT query_to_xml('DELETE FROM orders', true, true, '')", 'nothing-opaque'],
    ['dev', 'SELECT total_of(id) FROM orders', 'no-unknown-code'],
    ['dev', "COPY orders TO PROGRAM 'cat'", 'no-programs'],
    ['dev', "COPY orders TO '/tmp/orders'", 'no-server-files'],
    ['dev', "SELECT pg_read_file('/etc/passwd')", 'no-server-files'],
    ['dev', 'SELECT pg_terminate_backend(1)', 'no policy'],
    ['dba', 'DO $$ BEGIN PERFORM 1; END $$', 'yes'],
    ['dba', "SELECT pg_read_file('/etc/passwd')", 'yes'],
    ['dba', "COPY orders TO PROGRAM 'cat'", 'no-programs'],
    ['dba', "SELECT * FROM public.dblink('host=x', 'SELECT 1') AS t(a int)", 'no-dangerous-functions'],
    // Those who have no business in the shop.
    ['auditor', 'SELECT 1', 'no policy'],
    ['approver', 'SELECT * FROM orders', 'no policy'],
    ['nobody', 'SELECT 1', 'no policy'],
  ])('%s, %s: %s', (who, statement, expected) => {
    expect(verdict(who, statement)).toBe(expected);
  });

  test('a developer reads no other target, an administrator does', () => {
    expect(verdict('dev', 'SELECT 1', 'ledger')).toBe('no policy');
    expect(verdict('dba', 'SELECT 1', 'ledger')).toBe('yes');
  });

  test('every refusal by a policy says what to do', () => {
    const refused = [
      decide('dev', 'DELETE FROM orders'),
      decide('dev', 'DELETE FROM payments WHERE id = 1'),
      decide('agent', 'TABLE payments'),
    ];

    expect(refused[0]?.message).toContain('WHERE id = 42');
    expect(refused[1]?.message).toContain('Ask a database administrator');
    expect(refused[2]?.message).toContain('public.orders');
  });
});

test.each<[Who, boolean, number | undefined, number | undefined]>([
  ['dev', true, 30, 480],
  ['dba', true, 30, 480],
  ['agent', true, 5, 60],
  ['agent of a dba', true, 5, 60],
  ['approver', false, undefined, undefined],
  ['auditor', false, undefined, undefined],
  ['nobody', false, undefined, undefined],
])('%s opens a session: %s, idle for %s minutes, for %s minutes in all', (who, opens, idle, max) => {
  const decision = engine.decide(input({ principal: people[who], command: undefined }));

  expect(decision.effect).toBe(opens ? 'allow' : 'deny');
  expect(decision.idleTimeoutMs).toBe(idle === undefined ? undefined : idle * 60_000);
  expect(decision.maxSessionMs).toBe(max === undefined ? undefined : max * 60_000);
});

test.each<[string, Who[]]>([
  ['sessions:list', ['dba', 'agent of a dba', 'approver', 'auditor']],
  ['sessions:kill', ['dba', 'approver']],
  ['tickets:create', ['dev', 'dba', 'agent', 'agent of a dba', 'agent with a developer’s groups only']],
])('%s is for %s alone', (action, permitted) => {
  const context = { sourceAddress: '192.0.2.7', now: 0 };

  const may = everybody.filter(
    who => engine.permits({ principal: people[who], action, context }).effect === 'allow',
  );

  expect(may.sort()).toEqual([...permitted].sort());
});

describe('on the sample host', () => {
  const host = { name: 'web-1', protocol: 'ssh', tags: {} };

  function verdictOn(who: Who, command: CommandFacts | undefined): string {
    const { effect, policies } = engine.decide(input({ principal: people[who], command, target: host }));
    return effect === 'allow' ? 'yes' : policies.join(' ') || 'no policy';
  }

  const asked = (action: string, object?: string): CommandFacts => ({
    protocol: 'ssh',
    verb: action,
    operations: [{ action, objects: object === undefined ? [] : [object] }],
    functions: [],
    risk: { writes: true, ddl: false, noWhere: false, statements: 1, opaque: false, unknownCode: true },
  });

  test.each<[Who, string, string]>([
    ['dev', 'id', 'yes'],
    ['dev', 'systemctl restart nginx', 'yes'],
    ['dev', 'echo $(id)', 'nothing-opaque-on-hosts'],
    ['dba', 'echo $(id)', 'yes'],
    ['agent', 'cat /var/log/syslog', 'yes'],
    ['agent', 'ls -l / | head', 'yes'],
    ['agent', 'cat /home/web/.ssh/id_ed25519', 'no policy'],
    ['agent', 'cat /etc/shadow', 'no policy'],
    ['agent', 'rm -rf /tmp/x', 'agents-run-nothing-else'],
    ['agent', 'cat /etc/hosts > /tmp/x', 'agents-run-nothing-else'],
    ['agent', 'unheard-of', 'agents-run-nothing-else'],
    ['agent of a dba', 'echo $(id)', 'agents-run-nothing-else'],
    ['agent of a dba', 'systemctl restart nginx', 'agents-run-nothing-else'],
    ['approver', 'id', 'no policy'],
    ['nobody', 'id', 'no policy'],
  ])('%s runs %s: %s', (who, line, expected) => {
    expect(verdictOn(who, readCommandLine(Buffer.from(line)).facts)).toBe(expected);
  });

  test.each<[Who, string, string | undefined, string]>([
    ['dev', 'ssh:shell', undefined, 'yes'],
    ['agent', 'ssh:shell', undefined, 'agents-run-nothing-else'],
    ['agent of a dba', 'ssh:forward', 'db:5432', 'agents-run-nothing-else'],
    ['dev', 'ssh:subsystem', 'sftp', 'yes'],
    ['dev', 'sftp:read', '/etc/hosts', 'yes'],
    ['dev', 'sftp:write', '/tmp/x', 'yes'],
    ['dev', 'sftp:write', '/etc/x', 'no policy'],
    ['dev', 'ssh:forward', 'shop:5432', 'yes'],
    ['dev', 'ssh:forward', '10.0.0.1:22', 'no policy'],
    ['dev', 'ssh:listen', 'localhost:8080', 'no policy'],
    ['dba', 'ssh:agent', undefined, 'no-agent-forwarding'],
    ['agent', 'sftp:read', '/etc/hosts', 'yes'],
    ['agent', 'sftp:read', '/home/web/.ssh/id_ed25519', 'no policy'],
    ['agent', 'sftp:write', '/tmp/x', 'agents-read-only'],
    ['agent of a dba', 'sftp:remove', '/tmp/x', 'agents-read-only'],
  ])('%s asks for %s of %s: %s', (who, action, object, expected) => {
    expect(verdictOn(who, asked(action, object))).toBe(expected);
  });

  test('who may sign in', () => {
    const may = everybody.filter(who => verdictOn(who, undefined) === 'yes');

    expect(may).toEqual(['dev', 'dba', 'agent', 'agent of a dba', 'agent with a developer’s groups only']);
  });
});
