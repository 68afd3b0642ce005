/**
 * A gateway as far as its recording goes, made to be killed: sessions that record as fast as they can, and say
 * on standard output what they were told is durable, after they were told.
 *
 *     o ID      the session is open
 *     d ID N    its messages 0 to N-1 are durable
 *     e ID      its end is durable
 *     s PID     the shipper that was started, with `--shipper`
 */
import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import pino from 'pino';
import { Journal } from '#gateway/recording/journal.ts';
import type { SessionRecorder } from '#gateway/recording/recorder.ts';
import { ShipperProcess } from '#gateway/recording/shipper-process.ts';
import { commandJson, decisionJson, head } from '../support/recordings.ts';
import { messageOf } from './recording-messages.ts';

const { values } = parseArgs({
  options: {
    spool: { type: 'string' },
    recordings: { type: 'string' },
    fsync: { type: 'boolean', default: false },
    shipper: { type: 'boolean', default: false },
  },
});
const spoolDir = values.spool!;
const moment = new Int32Array(new SharedArrayBuffer(4));

/** Waits while the reader does not read: a busy machine lets a pipe run full. */
function say(text: string): void {
  for (let rest = Buffer.from(`${text}\n`); rest.length > 0; ) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EAGAIN') throw cause;
      Atomics.wait(moment, 0, 0, 1);
    }
  }
}

if (values.shipper) {
  const shipper = ShipperProcess.start({
    spoolDir,
    recordingsDir: values.recordings!,
    log: pino({ level: 'silent' }),
  });
  say(`s ${shipper.pid}`);
  setInterval(() => say(`s ${shipper.pid ?? 0}`), 100).unref();
}

// A small bound, so that files are closed and given back while we watch.
const journal = await Journal.open({
  dir: spoolDir,
  taskId: 'killed',
  maxBytes: 8 * 1024 * 1024,
  fsync: values.fsync,
});

async function session(): Promise<void> {
  const id = randomUUID();
  const recorder = journal.openSession(id, head);
  recorder.whenDurable(failure => failure ?? say(`o ${id}`));
  const decision = recorder.decision(decisionJson('allow'));
  const messages = randomInt(1, 400);
  for (let index = 0; index < messages; index++) {
    recorder.clientBytes(messageOf(id, index));
    recorder.command(commandJson(decision), false);
    await durably(recorder, () => say(`d ${id} ${index + 1}`));
    recorder.serverBytes(
      randomInt(20) === 0 ? randomBytes(randomInt(200_000)) : Buffer.alloc(randomInt(500)),
    );
    if (recorder.pressure) await new Promise<void>(resolve => recorder.onRelief(resolve));
  }
  recorder.end('{"how":"closed"}');
  await durably(recorder, () => say(`e ${id}`));
}

function durably(recorder: SessionRecorder, then: () => void): Promise<void> {
  return new Promise((resolve, reject) =>
    recorder.whenDurable(failure => {
      if (failure) reject(failure);
      else {
        then();
        resolve();
      }
    }),
  );
}

// Under pressure nothing but this keeps it alive, as a gateway's sockets do.
setInterval(() => {}, 1_000);

async function sessionAfterSession(): Promise<void> {
  for (;;) await session();
}
await Promise.all(Array.from({ length: 6 }, sessionAfterSession));
