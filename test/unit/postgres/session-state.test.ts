import { beforeAll, describe, expect, test } from '@jest/globals';
import { SqlReader } from '#lib/sql/cache.ts';
import { loadGrammar } from '#lib/sql/grammar.ts';
import { client, server } from './bytes.ts';
import { type Rig, type ServerState, serverState, startRig } from './rig.ts';

/*
 * What a session's own statements, and other sessions, change behind the texts that are decided. Texts are read as
 * the product reads them; the policy refuses unknown texts, unknown code and the schema `archive`.
 */

beforeAll(() => loadGrammar(15), 60_000);

interface Session {
  readonly rig: Rig;
  readonly state: ServerState;
  /** Lets time pass, in milliseconds. */
  wait(ms: number): void;
  /** Sends messages; the server answers them by `answers`. */
  say(messages: Buffer[], answers?: Buffer[]): Promise<void>;
  /** Whether this has gone to the server. */
  sent(bytes: Buffer): boolean;
}

const ready = (status: 'I' | 'T' | 'E' = 'I') => server.ready(status);
const done = (tag: string, status?: 'I' | 'T' | 'E') => [server.commandComplete(tag), ready(status)];
const run = (portal = '', statement = '') => [client.bind(portal, statement), client.execute(portal)];
const ran = (tag: string, status?: 'I' | 'T' | 'E') => [server.bindComplete(), ...done(tag, status)];

/** A statement that is read in two ways, and forbidden in the one that is not the standard. */
const twoWays = "SELECT 'a\\', ' AS x, 1 --'";
const scsOff = server.parameterStatus('standard_conforming_strings', 'off');

function open(changes: Partial<ServerState> = {}): Session {
  let now = 1_000_000;
  const state = serverState(changes);
  const rig = startRig({ sql: new SqlReader(), state, now: () => now });
  return {
    rig,
    state,
    wait: ms => {
      now += ms;
    },
    async say(messages, answers = []) {
      rig.client.write(Buffer.concat(messages));
      await rig.settle();
      rig.server.write(Buffer.concat(answers));
      await rig.settle();
    },
    sent: bytes => rig.toServer().includes(bytes),
  };
}

describe('FETCH and MOVE', () => {
  test.each(['FETCH c', 'MOVE c'])(
    '%s: the text behind it waits for the settings that it leaves',
    async text => {
      const { rig, say, sent } = open();
      const declare = "DECLARE c CURSOR FOR SELECT set_config('standard_conforming_strings', 'off', false)";
      await say([client.query('BEGIN')], done('BEGIN', 'T'));
      await say([client.query(declare)], done('DECLARE CURSOR', 'T'));
      await say([client.query('SELECT 1')], done('SELECT 1', 'T'));

      await say([client.query(text), client.query(twoWays)]);
      const early = sent(client.query(twoWays));
      await say([], [scsOff, ...done(text, 'T')]);

      expect([early, sent(client.query(twoWays))]).toEqual([false, false]);
      expect(rig.toServer().toString()).toContain('sallyport_refused');
    },
  );

  test('of a portal that was bound by protocol is decided as what the portal would do', async () => {
    const { say, sent } = open();
    await say([client.query('BEGIN')], done('BEGIN', 'T'));
    await say(
      [client.parse('s', 'SELECT * FROM orders'), client.bind('p', 's'), client.sync()],
      [server.parseComplete(), server.bindComplete(), ready('T')],
    );
    await say([client.bind('q', 'nobody'), client.sync()], [server.bindComplete(), ready('T')]);

    await say([client.query('FETCH ALL FROM p')], done('FETCH 1', 'T'));
    await say([client.query('FETCH ALL FROM c')], done('FETCH 1', 'T'));
    await say([client.query('FETCH ALL FROM q')]);

    const fetched = ['p', 'c', 'q'].map(name => sent(client.query(`FETCH ALL FROM ${name}`)));
    expect(fetched).toEqual([true, true, false]);
  });

  test('of a portal whose names are looked up only now is refused under another search path', async () => {
    const { state, say, sent } = open({ texts: { p: 'PREPARE p AS DELETE FROM orders WHERE id = 1' } });
    await say([client.query('BEGIN')], done('BEGIN', 'T'));
    await say(
      [client.parse('s', 'EXECUTE p'), client.bind('pp', 's'), client.sync()],
      [server.parseComplete(), server.bindComplete(), ready('T')],
    );
    const before = client.query('FETCH 1 FROM pp');
    const after = client.query('FETCH ALL FROM pp');

    await say([before], done('FETCH 1', 'T'));
    await say([client.query('SET search_path = other')], done('SET', 'T'));
    state.schemas = ['pg_catalog', 'other'];
    state.path = 'other';
    await say([client.query('SELECT * FROM orders')], done('SELECT 1', 'T'));
    await say([after]);

    expect([sent(before), sent(after)]).toEqual([true, false]);
  });
});

describe('EXECUTE in a statement of the protocol', () => {
  const harmless = 'SELECT 1';
  const settings = "SELECT set_config('standard_conforming_strings', 'off', false)";

  async function prepared(session: Session): Promise<void> {
    session.state.texts['p'] = harmless;
    session.state.texts['s'] = 'EXECUTE p';
    await session.say([client.parse('p', harmless), client.sync()], [server.parseComplete(), ready()]);
    await session.say([client.parse('s', 'EXECUTE p'), client.sync()], [server.parseComplete(), ready()]);
  }

  test('follows the name that it runs to another statement', async () => {
    const session = open();
    await prepared(session);
    await session.say([client.close('S', 'p'), client.sync()], [server.closeComplete(), ready()]);
    await session.say([client.parse('p', settings), client.sync()], [server.parseComplete(), ready()]);
    session.state.texts['p'] = settings;

    await session.say([...run('', 's'), client.sync(), client.query(twoWays)]);
    const [executed, early] = [session.sent(client.execute('')), session.sent(client.query(twoWays))];
    await session.say([], [scsOff, ...ran('EXECUTE')]);

    expect([executed, early, session.sent(client.query(twoWays))]).toEqual([true, false, false]);
  });

  test('is refused where the name got another statement in the same pipeline', async () => {
    const session = open();
    await prepared(session);

    await session.say([client.close('S', 'p'), client.parse('p', settings), ...run('', 's'), client.sync()]);

    expect(session.sent(client.execute(''))).toBe(false);
  });

  test('runs as before where no name has changed, without a question', async () => {
    const session = open();
    await prepared(session);
    session.state.texts = {};

    await session.say([...run('', 's'), client.sync()], ran('EXECUTE'));
    await session.say([...run('', 's'), client.sync()], ran('EXECUTE'));

    expect(session.rig.toServer().toString().split(client.execute('').toString())).toHaveLength(3);
  });

  test('that runs a statement which changes names, changes them', async () => {
    const session = open();
    await prepared(session);
    const deallocate = 'DEALLOCATE p';
    session.state.texts['d'] = deallocate;
    await session.say([client.parse('d', deallocate), client.sync()], [server.parseComplete(), ready()]);

    await session.say([client.query('EXECUTE d')], done('DEALLOCATE'));
    session.state.texts['p'] = 'SELECT * FROM archive.orders';
    await session.say([...run('', 's'), client.sync()]);

    expect(session.sent(client.execute(''))).toBe(false);
  });
});

describe('what is known of the server', () => {
  const column = 'SELECT c.evil FROM customers c';

  test('is asked again before a pipeline that begins when it is old', async () => {
    const { state, wait, say, sent } = open();
    await say([client.query(column)], done('SELECT 1'));
    wait(60_001);
    state.functions = ['evil'];

    await say([client.parse('a', 'SELECT 1'), client.parse('b', column), ...run('', 'b'), client.sync()]);

    expect([sent(client.parse('a', 'SELECT 1')), sent(client.parse('b', column))]).toEqual([true, false]);
  });

  test('is not known in a pipeline that was old when it began in a transaction that has not run anything', async () => {
    const { wait, say, sent } = open();
    await say([client.query(column)], done('SELECT 1'));
    await say([client.query('BEGIN')], done('BEGIN', 'T'));
    wait(60_001);

    await say([client.flush(), client.parse('b', column), client.sync()]);

    expect(sent(client.parse('b', column))).toBe(false);
  });

  test('is asked again when a failed transaction, and what is under way, is over', async () => {
    const { state, wait, say, sent } = open();
    await say([client.query(column)], done('SELECT 1'));
    await say([client.query('BEGIN')], done('BEGIN', 'T'));
    await say([client.query('SELECT 1/0')], [server.error('22012', 'division by zero'), ready('E')]);
    wait(60_001);
    state.functions = ['evil'];
    const again = client.query(`${column} LIMIT 1`);

    await say([client.query('ROLLBACK'), again], done('ROLLBACK'));

    expect(sent(again)).toBe(false);
  });

  test('decides what was prepared before: a column may have become a function', async () => {
    const { state, wait, say, rig } = open();
    await say([client.parse('s', column), client.sync()], [server.parseComplete(), ready()]);
    await say([...run('', 's'), client.sync()], ran('SELECT 1'));
    const executions = () => rig.toServer().toString().split(client.execute('').toString()).length - 1;
    const before = executions();
    wait(60_001);
    state.functions = ['evil'];

    await say([...run('', 's'), client.sync()]);

    expect([before, executions()]).toEqual([1, 1]);
  });

  test('of a schema that does not exist yet: its tables are decided as if they were there', async () => {
    const { say, sent } = open({ path: 'archive, public' });
    const update = client.query("UPDATE orders SET status = 'x' WHERE id = 1");

    await say([update]);

    expect(sent(update)).toBe(false);
  });

  test('of the search path is asked again after a minute: the schema of the login may be there now', async () => {
    const { state, wait, say, sent } = open();
    const text = (id: number) => client.query(`SELECT * FROM orders WHERE id = ${id}`);
    await say([text(1)], done('SELECT 1'));
    state.schemas = ['pg_catalog', 'archive', 'public'];
    await say([text(2)], done('SELECT 1'));
    wait(60_001);

    await say([text(3)]);

    expect([sent(text(2)), sent(text(3))]).toEqual([true, false]);
  });

  test('of functions takes in those that came into pg_catalog later', async () => {
    const rig = startRig();
    const asked = new Promise<string>(resolve =>
      rig.server.on('data', (chunk: Buffer) => chunk.includes('pg_proc') && resolve(chunk.toString())),
    );

    rig.client.write(client.query('SELECT ATTRIBUTE id'));

    expect(await asked).toContain("OR p.oid OPERATOR(pg_catalog.>=) '16384'::pg_catalog.oid");
  });
});

describe('a question of the gateway’s own', () => {
  const isolation = 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ';
  const asked = (rig: Rig) => rig.questions();

  test('is not asked between BEGIN and SET TRANSACTION, which must come before any query', async () => {
    const { rig, wait, say, sent } = open();
    await say([client.query('BEGIN')], done('BEGIN', 'T'));
    const before = asked(rig);
    wait(60_001);

    await say(
      [client.parse('', isolation), ...run(), client.sync()],
      [server.parseComplete(), ...ran('SET', 'T')],
    );

    expect([asked(rig) - before, sent(client.parse('', isolation))]).toEqual([0, true]);
  });

  test('is asked before BEGIN, so that the transaction’s own first statement takes its snapshot', async () => {
    const { rig, wait, say } = open();
    await say([client.query('SELECT * FROM orders')], done('SELECT 1'));
    wait(60_001);

    await say([client.query('BEGIN')], done('BEGIN', 'T'));
    const before = asked(rig);
    await say([client.query('LOCK TABLE orders')], done('LOCK TABLE', 'T'));

    expect([before, asked(rig)]).toEqual([2, 2]);
  });

  test('of a path that the session has set comes no sooner than it is needed: it may make a temporary schema', async () => {
    const { rig, say } = open();
    await say([client.query('SET search_path = pg_temp')], done('SET'));

    await say([client.query('BEGIN')], done('BEGIN', 'T'));
    await say(
      [client.parse('', 'SELECT 1'), ...run(), client.sync()],
      [server.parseComplete(), ...ran('SELECT 1', 'T')],
    );
    const before = asked(rig);
    await say([client.query('SELECT * FROM orders')], done('SELECT 0', 'T'));

    expect([before, asked(rig)]).toEqual([0, 1]);
  });
});

describe('an error that comes before', () => {
  test('an Execute of COPY in the same pipeline: the server skips it, and nobody waits for it', async () => {
    const { rig, say, sent } = open();
    await say([client.query('BEGIN')], done('BEGIN', 'T'));
    await say(
      [client.parse('c', 'COPY orders FROM STDIN'), client.bind('cp', 'c'), client.sync()],
      [server.parseComplete(), server.bindComplete(), ready('T')],
    );
    await say(
      [client.parse('x', 'SELECT nocolumn'), client.flush()],
      [server.error('42703', 'no such column')],
    );
    const before = rig.toServer().length;

    await say([client.execute('cp'), client.sync()], [ready('E')]);
    await say([client.query('ROLLBACK')]);

    expect(rig.toServer().subarray(before).includes(client.sync())).toBe(true);
    expect(sent(client.query('ROLLBACK'))).toBe(true);
  });

  test('too long to be read, still ends the COPY that it is about', async () => {
    const { rig, say } = open();
    await say([client.query('SELECT * FROM orders')], done('SELECT 1'));
    await say(
      [client.parse('', 'COPY orders FROM STDIN'), ...run(), client.flush()],
      [server.parseComplete(), server.bindComplete(), server.copyIn()],
    );
    const error = server.error('22P02', `invalid input: ${'x'.repeat(200_000)}`);
    for (let at = 0; at < error.length; at += 50_000) {
      rig.server.write(error.subarray(at, at + 50_000));
      await rig.settle();
    }
    const before = rig.toServer().length;

    await say([client.sync()], [ready()]);

    expect(rig.toServer().subarray(before).equals(client.sync())).toBe(true);
    expect(rig.toClient().includes(error)).toBe(true);
  });

  test('a search path that is reported too long to be read is not the one that was known', async () => {
    const { rig, say } = open();
    await say([client.query('SELECT * FROM orders')], done('SELECT 1'));
    const status = server.parameterStatus('search_path', 'x'.repeat(100_000));
    rig.server.write(status.subarray(0, 50_000));
    await rig.settle();
    rig.server.write(status.subarray(50_000));
    await rig.settle();

    await say([client.query('SELECT * FROM orders')]);

    expect(rig.questions()).toBe(2);
  });
});

test('texts with thousands of names are asked for again rather than kept, and not all may wait', async () => {
  const session = open();
  const text = (i: number) => `SELECT FROM ${Array.from({ length: 900 }, (_, k) => `t${i}_${k}`).join(',')}`;
  const parse = (i: number) => client.parse(`s${i}`, text(i));
  for (let i = 0; i < 250; i += 1) {
    await session.say([parse(i), client.sync()], [server.parseComplete(), ready()]);
  }

  await session.say([...run('', 's249'), client.sync()], ran('SELECT 0'));
  const newest = session.rig.toServer().includes(client.bind('', 's249'));
  await session.say([client.bind('', 's0')]);

  expect([newest, session.sent(client.bind('', 's0'))]).toEqual([true, true]);
  await session.say([client.sync()], [server.error('26000', 'no such statement'), ready()]);
  await session.say(Array.from({ length: 460 }, (_, i) => client.parse('', text(1_000 + i))));
  expect(session.rig.toClient().toString()).toContain('C53300');
}, 60_000);

describe('what a failure or the end of a transaction undoes', () => {
  const off = 'SET standard_conforming_strings = off';
  const on = 'SET standard_conforming_strings = on';
  const scsOn = server.parameterStatus('standard_conforming_strings', 'on');

  /** Off outside of the transaction, on in it: whatever ends it makes texts read otherwise. */
  async function inTransaction(session: Session): Promise<void> {
    await session.say([client.query(off)], [scsOff, ...done('SET')]);
    await session.say([client.query('BEGIN')], done('BEGIN', 'T'));
    await session.say([client.query(on)], [scsOn, ...done('SET', 'T')]);
  }

  test('a text behind something that may fail waits: the failure undoes a setting at once', async () => {
    const session = open();
    await inTransaction(session);

    await session.say([client.query('SELECT 1/0'), client.query(`ROLLBACK; ${twoWays}`)]);

    expect(session.sent(Buffer.from('SELECT 1/0'))).toBe(true);
    expect(session.sent(Buffer.from(twoWays))).toBe(false);
  });

  test('a ROLLBACK that was prepared before anything was set undoes it when it runs', async () => {
    const session = open();
    await session.say([client.query(off)], [scsOff, ...done('SET')]);
    await session.say([client.parse('r', 'ROLLBACK'), client.sync()], [server.parseComplete(), ready()]);
    await session.say([client.query('BEGIN')], done('BEGIN', 'T'));
    await session.say([client.query(on)], [scsOn, ...done('SET', 'T')]);

    await session.say([...run('', 'r'), client.sync(), client.query(twoWays)]);

    expect(session.sent(Buffer.from(twoWays))).toBe(false);
  });

  test.each([
    ['ROLLBACK', 'EXECUTE f'],
    ['FETCH c', 'EXECUTE f'],
  ])('%s, prepared by protocol and run by %s', async (prepared, execute) => {
    const session = open();
    await inTransaction(session);
    await session.say([client.parse('f', prepared), client.sync()], [server.parseComplete(), ready('T')]);

    await session.say([client.query(execute), client.query(twoWays)]);

    expect(session.sent(Buffer.from(twoWays))).toBe(false);
  });
});
