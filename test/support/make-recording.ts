/**
 * Makes the golden recording: a small session of every kind of record, in two segments.
 *
 *     node test/support/make-recording.ts test/fixtures/recordings
 *
 * Run it when the format's version changes, and never otherwise: that readers go on reading what is in the
 * folder is what the fixture is for.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { message } from '#gateway/protocols/postgres/wire/build.ts';
import { Journal } from '#gateway/recording/journal.ts';
import { Shipper } from '#gateway/recording/shipper/shipper.ts';
import { commandJson, decisionJson, durable, head } from './recordings.ts';

export const goldenId = '6f0e5b1c-8a52-4d0e-9d57-0a4c7f6f2b11';

if (process.argv[1] === import.meta.filename) {
  const spool = mkdtempSync(join(tmpdir(), 'sallyport-golden-'));
  let nowNs = 0;
  const journal = await Journal.open({
    dir: spool,
    taskId: 'golden',
    maxBytes: 1024 ** 3,
    fsync: false,
    now: () => (nowNs += 1_000_000),
    wallClock: () => Date.UTC(2026, 0, 31, 9, 0, 0),
  });
  let nowMs = 0;
  const shipper = new Shipper({
    spoolDir: spool,
    recordingsDir: resolve(process.argv[2] ?? ''),
    fsync: false,
    onFault: (text, fields) => {
      throw new Error(`${text} ${JSON.stringify(fields)}`);
    },
    nowMs: () => nowMs,
  });
  const text = (value: string): Buffer => Buffer.from(`${value}\0`);

  const session = journal.openSession(goldenId, head);
  const connect = session.decision(decisionJson('allow'));
  session.serverBytes(message('Z', Buffer.from('I')));
  session.clientBytes(message('Q', text('SELECT 1 AS one')));
  session.command(commandJson(connect), false);
  const column = Buffer.concat([text('one'), Buffer.alloc(18)]);
  session.serverBytes(message('T', Buffer.from([0, 1]), column));
  session.serverBytes(message('D', Buffer.from([0, 1, 0, 0, 0, 1]), Buffer.from('1')));
  session.serverBytes(message('C', text('SELECT 1')));
  session.serverBytes(message('Z', Buffer.from('I')));
  await durable(session);
  await shipper.pass();
  nowMs += 10_000;
  await shipper.pass();

  const deny = session.decision(decisionJson('deny'));
  session.error(JSON.stringify({ code: 'denied', message: 'DELETE refused', decision: deny }));
  session.clientBytes(message('Q', text('DELETE FROM orders')));
  session.serverBytes(message('E', text('SERROR'), text('C42501'), text('MDELETE refused'), Buffer.alloc(1)));
  session.serverBytes(message('Z', Buffer.from('I')));
  session.note('notice', JSON.stringify({ message: 'the gateway will go away' }));
  const long = text(`M${'so many words '.repeat(3_000)}`);
  session.serverBytes(message('N', text('VNOTICE'), text('C00000'), long, Buffer.alloc(1)));
  session.end('{"how":"closed"}');
  await journal.close();
  await shipper.pass();
  shipper.abandon();
  rmSync(spool, { recursive: true });
}
