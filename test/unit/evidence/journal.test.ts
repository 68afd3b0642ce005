import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { SessionRecorder } from '#gateway/recording/recorder.ts';
import {
  bytesOf,
  commandJson,
  decisionJson,
  durable,
  head,
  newId,
  Recordings,
  read,
} from '../../support/recordings.ts';

let recordings: Recordings;
beforeEach(() => {
  recordings = new Recordings();
});
afterEach(() => {
  recordings.remove();
});

type Step = 'client' | 'server' | 'command' | 'decision' | 'notice' | 'turn';
const steps = fc.array(
  fc.record({
    session: fc.integer({ min: 0, max: 2 }),
    step: fc.constantFrom<Step>('client', 'server', 'command', 'decision', 'notice', 'turn'),
    // Around every limit: inline and bulk, one record and several, one gather buffer and several.
    bytes: fc.oneof(
      fc.integer({ min: 0, max: 300 }),
      fc.constantFrom(16_383, 16_384, 65_535, 65_536, 65_537, 131_000, 131_072, 300_000),
    ),
    channel: fc.constantFrom(0, 0, 7),
  }),
  { maxLength: 40 },
);

describe('the journal', () => {
  test('keeps every byte and record of every session, in order, however they are mixed', async () => {
    let seed = 0;
    await fc.assert(
      fc.asyncProperty(steps, async plan => {
        const journal = await recordings.open();
        const ids = [newId(), newId(), newId()];
        const sessions = ids.map(id => journal.openSession(id, head));
        const expected = ids.map(() => ({
          client: [] as Buffer[],
          server: [] as Buffer[],
          order: ['open'] as string[],
        }));
        for (const { session, step, bytes, channel } of plan) {
          const recorder = sessions[session]!;
          const wanted = expected[session]!;
          const chunk = Buffer.alloc(bytes, seed++);
          if (step === 'client') {
            recorder.clientBytes(chunk, channel);
            wanted.client.push(chunk);
          } else if (step === 'server') {
            recorder.serverBytes(chunk, channel);
            wanted.server.push(chunk);
          } else if (step === 'turn') {
            expect(await durable(recorder)).toBeUndefined();
          } else {
            const json = JSON.stringify({ text: 'ä'.repeat(bytes / 2) });
            if (step === 'notice') recorder.note(step, json);
            else recorder[step](json, false);
          }
          if (step !== 'turn' && bytes > 0) wanted.order.push(step);
          else if (step !== 'turn' && step !== 'client' && step !== 'server') wanted.order.push(step);
        }
        for (const recorder of sessions) recorder.end('{"how":"closed"}');
        await journal.close();
        await recordings.ship();

        for (const [index, id] of ids.entries()) {
          const reading = await read(recordings.source(id));
          expect(reading.faults).toEqual([]);
          expect(reading.summary.final).toBe(true);
          const all = (type: 'clientBytes' | 'serverBytes') =>
            Buffer.concat(
              reading.records.filter(record => record.type === type).map(({ payload }) => payload),
            );
          expect(all('clientBytes').equals(Buffer.concat(expected[index]!.client))).toBe(true);
          expect(all('serverBytes').equals(Buffer.concat(expected[index]!.server))).toBe(true);
          const kinds = reading.records.map(({ type }) => type.replace('Bytes', ''));
          const once = (list: string[]) => list.filter((kind, at) => kind !== list[at - 1]);
          expect(once(kinds)).toEqual(once([...expected[index]!.order, 'end']));
        }
        expect(recordings.faults).toEqual([]);
      }),
      { numRuns: 25 },
    );
  }, 60_000);

  test('tells all callers of a turn, in their order, after one write', async () => {
    const journal = await recordings.open();
    const [first, second] = [journal.openSession(newId(), head), journal.openSession(newId(), head)];
    const told: string[] = [];

    first.clientBytes(Buffer.from('a'));
    first.whenDurable(() => told.push('first'));
    second.clientBytes(Buffer.from('b'));
    second.whenDurable(() => told.push('second'));
    first.whenDurable(() => told.push('first again'));
    expect(told).toEqual([]);
    await durable(first);

    expect(told).toEqual(['first', 'second', 'first again']);
    await journal.close();
  });

  test('gives every record of a session the next number, from 0, and says which', async () => {
    const journal = await recordings.open();
    const id = newId();
    const session = journal.openSession(id, head);

    const decision = session.decision(decisionJson('allow'));
    session.clientBytes(Buffer.alloc(100_000));
    const command = session.command(commandJson(decision), false);
    session.end('{"how":"closed"}');
    await journal.close();
    await recordings.ship();

    const { records } = await read(recordings.source(id));
    expect(records.map(({ sequence }) => sequence)).toEqual(records.map((_, index) => index));
    expect(records[decision]?.type).toBe('decision');
    expect(records[command]?.type).toBe('command');
  });

  test('refuses an id that is no UUID, one that is in use, and anything after the end', async () => {
    const journal = await recordings.open();
    const id = newId();
    const session = journal.openSession(id, head);

    expect(() => journal.openSession('../../etc', head)).toThrow(TypeError);
    expect(() => journal.openSession(id, head)).toThrow(TypeError);
    session.end('{"how":"closed"}');
    expect(() => session.clientBytes(Buffer.from('x'))).toThrow(TypeError);
    expect(() => session.end('{"how":"closed"}')).toThrow(TypeError);

    await journal.close();
  });

  test('tells callers after its close that nothing is written any more', async () => {
    const journal = await recordings.open();
    const session = journal.openSession(newId(), head);
    await journal.close();

    session.clientBytes(Buffer.from('late'));

    expect(await durable(session)).toMatchObject({ code: 'evidenceUnavailable' });
  });

  test('counts refusals and executions, and not what prepares or completes them', async () => {
    const journal = await recordings.open();
    const id = newId();
    const session = journal.openSession(id, head);

    const allow = session.decision(decisionJson('allow'));
    session.command(commandJson(allow, 'parse'), true);
    session.command(commandJson(allow, 'execute'), false);
    const unread = session.command(commandJson(allow, 'unread'), false);
    session.command(`{"of":${unread},"sha256":"00"}`, true);
    const deny = session.decision(decisionJson('deny'));
    session.error(JSON.stringify({ code: 'denied', message: 'no', decision: deny }));
    session.error(JSON.stringify({ code: 'unsupported', message: 'not a refusal: "decision":7' }));
    session.end('{"how":"closed"}');
    await journal.close();
    await recordings.ship();

    const { summary } = await read(recordings.source(id));
    expect(summary.totals).toMatchObject({ commands: 2, refused: 1 });
  });

  test('puts what the client is sent into the spool within a second, on its own', async () => {
    const journal = await recordings.open();
    const session = journal.openSession(newId(), head);
    await durable(session);
    const before = spooled();

    session.serverBytes(Buffer.alloc(50_000, 1));
    session.serverBytes(Buffer.alloc(100, 2));
    const now = spooled();
    await new Promise(resolve => setTimeout(resolve, 1_300));

    expect(now).toBe(before);
    expect(spooled()).toBeGreaterThan(before);
    await journal.close();
  });

  test('asks for a pause when more is unshipped than may be, and lets go when the shipper has caught up', async () => {
    const journal = await recordings.open({ maxBytes: 4 * 1024 * 1024 });
    const session = journal.openSession(newId(), head);
    const shipper = recordings.shipper();

    const told = await fill(session, 5 * 1024 * 1024);
    expect(told).toBe(true);
    expect(session.pressure).toBe(true);
    const relieved = new Promise<void>(resolve => session.onRelief(resolve));
    session.end('{"how":"closed"}');
    await durable(session);
    await shipper.pass();
    await relieved;

    expect(session.pressure).toBe(false);
    await journal.close();
    await shipper.pass();
    shipper.abandon();
  });

  test('keeps channels apart', async () => {
    const journal = await recordings.open();
    const id = newId();
    const session = journal.openSession(id, head);

    session.serverBytes(Buffer.from('out'), 1);
    session.serverBytes(Buffer.from('err'), 2);
    session.end('{"how":"closed"}');
    await journal.close();
    await recordings.ship();

    const reading = await read(recordings.source(id));
    expect(bytesOf(reading, 'serverBytes', 1).toString()).toBe('out');
    expect(bytesOf(reading, 'serverBytes', 2).toString()).toBe('err');
  });
});

/** Bytes of journal in the spool. */
function spooled(): number {
  return readdirSync(recordings.spoolDir, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.journal'))
    .reduce((sum, name) => sum + statSync(join(recordings.spoolDir, name)).size, 0);
}

/** Incompressible bytes until there is pressure. */
async function fill(session: SessionRecorder, bytes: number): Promise<boolean> {
  const chunk = Buffer.alloc(64 * 1024);
  for (let done = 0; done < bytes; done += chunk.length) {
    for (let at = 0; at < chunk.length; at += 4) chunk.writeUInt32LE((Math.random() * 2 ** 32) >>> 0, at);
    session.serverBytes(chunk);
    await durable(session);
    if (session.pressure) return true;
  }
  return false;
}
