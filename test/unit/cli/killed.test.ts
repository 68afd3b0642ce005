import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { TranscriptEvent } from '#cli/replay/events.ts';
import { InOrder } from '#cli/replay/in-order.ts';
import { TranscriptPrinter } from '#cli/replay/print.ts';
import { readTranscript } from '#cli/replay/session-transcript.ts';
import { Metrics } from '#gateway/metrics.ts';
import { Gate } from '#gateway/pipeline/gate.ts';
import { message } from '#gateway/protocols/postgres/wire/build.ts';
import { SallyportError } from '#lib/errors.ts';
import type { PolicyEngine } from '#lib/policy/engine.ts';
import { commandJson, decisionJson, head, newId, Recordings } from '../../support/recordings.ts';

let recordings: Recordings;
beforeEach(() => {
  recordings = new Recordings();
});
afterEach(() => {
  recordings.remove();
});

const reason = 'terminating connection: ended by dba@shop.example';

/** A session that was killed while the server had not answered `sql`, as the gateway records it. */
async function killed(sql: string, why: string): Promise<TranscriptEvent[]> {
  let nowNs = 0;
  const journal = await recordings.open({ now: () => (nowNs += 1_000_000) });
  const id = newId();
  const session = journal.openSession(id, head);
  const decision = session.decision(decisionJson('allow'));
  session.clientBytes(message('Q', Buffer.from(`${sql}\0`)));
  session.command(commandJson(decision), false);
  const gate = new Gate(
    session,
    { use: () => {}, decide: () => Promise.reject(new Error('nothing is decided here')) as never },
    { expired: () => false, engine: undefined as unknown as PolicyEngine },
    new Metrics(
      () => [],
      () => 0,
    ),
  );
  gate.recordError(new SallyportError('killed', reason, { detail: `Reason: ${why}` }));
  session.end(JSON.stringify({ how: 'killed', reason }));
  await journal.close();
  await recordings.ship();
  const events: TranscriptEvent[] = [];
  for await (const event of readTranscript(recordings.source(id), { rows: 10, bytes: 65_536 })) {
    events.push(event);
  }
  return events;
}

function printed(events: readonly TranscriptEvent[]): string {
  const printer = new TranscriptPrinter();
  return events.map(event => printer.print(event)).join('');
}

describe('the recording of a session that was killed', () => {
  test('says why, to people and to machines', async () => {
    const events = await killed('SELECT pg_sleep(300)', 'wrong table');

    expect(events).toContainEqual(
      expect.objectContaining({
        kind: 'error',
        code: 'killed',
        message: reason,
        detail: 'Reason: wrong table',
      }),
    );
    expect(printed(events)).toContain(`error killed: ${reason}\n    detail: Reason: wrong table\n`);
  });

  test('has the statement that nobody answered before the end that it met', async () => {
    const events = await killed('SELECT pg_sleep(300)', 'wrong table');

    expect(events.map(({ kind }) => kind)).toEqual(['open', 'statement', 'error', 'end']);
    const times = events.map(({ atNs }) => atNs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  test('cannot drive the terminal of the person who reads it', async () => {
    const text = printed(await killed('SELECT 1;\n\t-- \x1b]0;owned\x07\u202e', '\x1b[2J\nFATAL: no'));

    expect(text).toContain('    SELECT 1;\n    \t-- \\x1b]0;owned\\x07\\u202e\n');
    expect(text).toContain('    detail: Reason: \\x1b[2J\\nFATAL: no\n');
    expect(text).not.toMatch(/(?![\n\t])[\p{Cc}\p{Cf}]/u);
  });
});

describe('the order of a transcript', () => {
  const notice = (atNs: number): TranscriptEvent => ({
    kind: 'notification',
    atNs,
    channel: 'c',
    payload: '',
  });
  const statement = (atNs: number) => ({ kind: 'statement', atNs }) as TranscriptEvent;
  const all = async (events: AsyncIterable<TranscriptEvent>): Promise<TranscriptEvent[]> => {
    const found: TranscriptEvent[] = [];
    for await (const event of events) found.push(event);
    return found;
  };

  test('is that of the times, when statements are told late', async () => {
    const pending = [2, 5];
    const inOrder = new InOrder(() => pending[0]);
    const answer = () => statement(pending.shift()!);

    expect(await all(inOrder.pass([notice(1)]))).toEqual([notice(1)]);
    expect(await all(inOrder.pass([notice(3), notice(6)]))).toEqual([]);
    expect(await all(inOrder.pass([answer()]))).toEqual([statement(2), notice(3)]);
    expect(await all(inOrder.pass([answer()]))).toEqual([statement(5), notice(6)]);
  });

  test('does not cost more memory than 1,000 events, however many come during one statement', async () => {
    const inOrder = new InOrder(() => 0);

    const out: TranscriptEvent[] = [];
    for (let index = 0; index < 1_005; index++) {
      out.push(...(await all(inOrder.pass([notice(index)]))));
    }

    expect(out).toEqual([0, 1, 2, 3, 4].map(notice));
  });
});
