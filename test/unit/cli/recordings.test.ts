import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Command } from 'commander';
import { completionCommand } from '#cli/completion.ts';
import type { Io } from '#cli/io.ts';
import { replayCommand } from '#cli/replay.ts';
import { sessionsCommand, since } from '#cli/sessions.ts';
import { goldenId } from '../../support/make-recording.ts';
import { commandJson, decisionJson, head, newId, Recordings } from '../../support/recordings.ts';

const golden = join(import.meta.dirname, '../../fixtures/recordings');
let recordings: Recordings;
beforeEach(() => {
  recordings = new Recordings();
  process.exitCode = undefined;
});
afterEach(() => {
  recordings.remove();
  process.exitCode = undefined;
});

/** The tool over `folder`; what it prints. */
async function run(
  folder: string,
  ...words: string[]
): Promise<{ out: string; err: string; exitCode: unknown }> {
  const printed = { out: '', err: '' };
  const io: Io = {
    env: {},
    fetch: () => Promise.reject(new TypeError('no network here')),
    readFile: () => Promise.reject(new TypeError('no ready file here')),
    out: text => (printed.out += text),
    err: text => (printed.err += text),
  };
  const program = new Command('sallyport').exitOverride().configureOutput({ writeErr: () => {} });
  for (const verb of [sessionsCommand(io), replayCommand(io), completionCommand(program, io)]) {
    program.addCommand(verb.exitOverride().configureOutput({ writeErr: () => {} }));
  }
  const where = words[0] === 'completion' ? [] : ['--recordings', folder];
  await program.parseAsync([...words, ...where], { from: 'user' });
  return { ...printed, exitCode: process.exitCode };
}

/** A recorded session of somebody, begun at `startedAt`. */
async function given(name: string, target: string, startedAt: number): Promise<string> {
  const journal = await recordings.open({ wallClock: () => startedAt });
  const id = newId();
  const session = journal.openSession(id, { ...head, target, principal: { ...head.principal, name } });
  session.command(commandJson(session.decision(decisionJson('allow'))), false);
  session.end('{"how":"closed"}');
  await journal.close();
  await recordings.ship();
  return id;
}

describe('sallyport sessions', () => {
  test('lists who did how much where, newest first', async () => {
    const { out, exitCode } = await run(golden, 'sessions');

    expect(out.split('\n')[0]).toMatch(
      /^SESSION +START +DURATION +PRINCIPAL +TARGET +KIND +CLIENT +COMMANDS +REFUSED +BYTES +END$/,
    );
    expect(out.split('\n')[1]).toMatch(
      /^6f0e5b1c +2026-01-31 09:00:00Z +17 ms +dev@example\.com +shop\/shop +postgres +192\.0\.2\.7:50123 +1 +1 +\S+ kB +closed$/,
    );
    expect(exitCode).toBeUndefined();
  });

  test('finds by principal, target and time, and keeps to its limit', async () => {
    const now = Date.now();
    const ann = await given('ann@example.com', 'shop', now - 3 * 3_600_000);
    const bob = await given('bob@example.com', 'books', now - 60_000);
    const ids = async (...words: string[]) =>
      (await run(recordings.recordingsDir, 'sessions', '--json', ...words)).out
        .split('\n')
        .filter(Boolean)
        .map(text => JSON.parse(text).id);

    expect(await ids()).toEqual([bob, ann]);
    expect(await ids('--principal', 'ann')).toEqual([ann]);
    expect(await ids('--target', 'books')).toEqual([bob]);
    expect(await ids('--target', 'books/shop')).toEqual([bob]);
    expect(await ids('--since', '1h')).toEqual([bob]);
    expect(await ids('--limit', '1')).toEqual([bob]);
  });

  test('says so when nothing matches', async () => {
    const { err, exitCode } = await run(golden, 'sessions', '--target', 'shop/elsewhere');

    expect(err).toBe('No recording matches.\n');
    expect(exitCode).toBeUndefined();
  });

  test('claims no duration of a session that is open', async () => {
    cpSync(golden, recordings.recordingsDir, { recursive: true });
    rmSync(join(recordings.recordingsDir, goldenId, 'session.json'));

    const { out } = await run(recordings.recordingsDir, 'sessions');

    expect(out.split('\n')[1]).toMatch(/09:00:00Z +dev@example\.com .*\(open\)$/);
  });

  test('shows what a name holds and does not obey it', async () => {
    await given('\x1b]0;owned\x07eve', 'shop', Date.now());

    const { out } = await run(recordings.recordingsDir, 'sessions');

    expect(out).toContain('\\x1b]0;owned\\x07eve');
    expect(out).not.toContain('\x1b');
  });

  test('names a recording that cannot be read, lists the others, and exits with 1', async () => {
    const [gone, kept] = [await given('a', 'shop', 1), await given('b', 'shop', 2)];
    rmSync(join(recordings.recordingsDir, gone, 'session.json'));
    rmSync(join(recordings.recordingsDir, gone, '000000.seg'));
    const { writeFileSync } = await import('node:fs');
    writeFileSync(join(recordings.recordingsDir, gone, '000000.seg'), 'damaged');

    const { out, err, exitCode } = await run(recordings.recordingsDir, 'sessions', '--json');

    expect(JSON.parse(out).id).toBe(kept);
    expect(err).toContain(gone);
    expect(exitCode).toBe(1);
  });

  test.each(['yesterday', '5x', ''])('refuses --since %j in words', async text => {
    await expect(run(golden, 'sessions', '--since', text)).rejects.toMatchObject({
      code: 'commander.invalidArgument',
    });
  });

  test('reads a time as a date or as so long ago', () => {
    expect(since('90m', undefined, 10_000_000)).toBe(4_600_000);
    expect(since('2026-01-31T09:00Z')).toBe(Date.UTC(2026, 0, 31, 9));
  });

  test('says in words where there are no recordings', async () => {
    await expect(run('/nowhere', 'sessions')).rejects.toThrow('--recordings');
  });
});

describe('sallyport replay', () => {
  test('shows what was asked, decided and answered', async () => {
    const { out, exitCode } = await run(golden, 'replay', '6f0e');

    expect(out).toContain(`session ${goldenId}`);
    expect(out).toMatch(
      /09:00:00\.004 {2}dev@example\.com\n {4}SELECT 1 AS one\n {2}allow by readers, recorded local\n/,
    );
    expect(out).toMatch(/ {4}one\n {4}1\n {2}SELECT 1 \(1 row\)\n {2}5\.00 ms\n/);
    expect(out).toMatch(/DELETE FROM orders\n {2}deny by readers\n {2}ERROR 42501: DELETE refused\n/);
    expect(out).toMatch(/end: closed\n$/);
    expect(exitCode).toBeUndefined();
  });

  test('finds the recordings where the ready file says that the environment names', async () => {
    const before = process.env['SALLYPORT_READY_FILE'];
    process.env['SALLYPORT_READY_FILE'] = '/elsewhere/ready.json';
    const read: string[] = [];
    const io: Io = {
      env: {},
      fetch: () => Promise.reject(new TypeError('no network here')),
      readFile: async path => {
        read.push(path);
        return JSON.stringify({ paths: { recordings: golden } });
      },
      out: () => {},
      err: () => {},
    };
    try {
      await replayCommand(io).parseAsync([goldenId], { from: 'user' });
    } finally {
      if (before === undefined) delete process.env['SALLYPORT_READY_FILE'];
      else process.env['SALLYPORT_READY_FILE'] = before;
    }

    expect(read).toEqual(['/elsewhere/ready.json']);
  });

  test('gives machines one object a line', async () => {
    const { out } = await run(golden, 'replay', goldenId, '--json');

    const kinds = out
      .split('\n')
      .filter(Boolean)
      .map(text => JSON.parse(text).kind);
    expect(kinds).toEqual(['open', 'statement', 'statement', 'notice', 'end']);
  });

  test('exits with 1 when the recording does not hold, and says where', async () => {
    const id = await given('a', 'shop', 1);
    rmSync(join(recordings.recordingsDir, id, 'session.json'));

    const { out, exitCode } = await run(recordings.recordingsDir, 'replay', id.slice(0, 8));

    expect(out).toContain('FAULT manifestMissing');
    expect(out).toContain('end: closed');
    expect(exitCode).toBe(1);
  });

  test('refuses a beginning that no id or more than one has', async () => {
    await given('a', 'shop', 1);
    await given('b', 'shop', 2);

    await expect(run(recordings.recordingsDir, 'replay', 'zz')).rejects.toMatchObject({ name: 'Failure' });
    await expect(run(recordings.recordingsDir, 'replay', '')).rejects.toMatchObject({ name: 'UsageError' });
  });

  test('plays in the session’s own time, by the factor', async () => {
    const before = performance.now();
    await run(golden, 'replay', goldenId, '--speed', '0.1');

    // The golden session takes 17 ms by its own clock.
    expect(performance.now() - before).toBeGreaterThan(150);
  });
});

describe('sallyport completion', () => {
  test.each(['bash', 'zsh', 'fish'])('knows the verbs and their options in %s', async shell => {
    const { out } = await run(golden, 'completion', shell);

    expect(out).toContain('replay');
    expect(out).toContain(shell === 'fish' ? '-l principal' : '--principal');
  });
});
