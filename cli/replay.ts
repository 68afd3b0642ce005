import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type Io, processIo } from '#cli/io.ts';
import {
  findId,
  findRecordings,
  listRecordings,
  type RecordingsOptions,
  withRecordings,
} from '#cli/recordings.ts';
import type { TranscriptEvent } from '#cli/replay/events.ts';
import { TranscriptPrinter } from '#cli/replay/print.ts';
import { readTranscript } from '#cli/replay/session-transcript.ts';
import { positive } from '#cli/sessions.ts';
import { SessionFolder } from '#lib/evidence/folder.ts';

interface Options extends RecordingsOptions {
  readonly speed?: number;
  readonly rows: number;
  readonly full?: boolean;
  readonly json?: boolean;
}

const keptBytes = 64 * 1024;
/** PostgreSQL's own bound on a message. */
const allBytes = 0x40000000;
/** Nobody waits longer than this for what comes next. */
const longestWaitMs = 10_000;

/** `sallyport replay ID`: exit code 1 when the recording does not hold, or there is none. */
export function replayCommand(io: Io = processIo): Command {
  const command = new Command('replay')
    .description('show a recorded session as a transcript, verified as it is read')
    .argument('<id>', 'the session, or the beginning of its id that no other has')
    .option('--speed <factor>', 'play it in its own time, so many times as fast', factor)
    .option('--rows <count>', 'show at most so many rows of each result', count, 10)
    .option('--full', 'show texts and values of any length')
    .option('--json', 'print one JSON object a line, for machines')
    .addOption(
      new Option('--ready-file <file>', 'written by "npm start", says where the recordings are').env(
        'SALLYPORT_READY_FILE',
      ),
    )
    .addHelpText(
      'after',
      `
Examples:
  sallyport replay 4f1c09aa
  sallyport replay 4f1c09aa --speed 2
  sallyport replay 4f1c09aa --rows 1000 --full
  sallyport replay 4f1c09aa --json | jq 'select(.refused)'

Exit codes: 0 shown, 1 the recording does not hold or there is none, 2 the command was wrong.`,
    )
    .action(async (prefix: string, options: Options) => {
      const folder = await findRecordings(options, io);
      const id = findId(await listRecordings(folder), prefix);
      const bytes = options.full ? allBytes : keptBytes;
      const printer = new TranscriptPrinter();
      let atNs = 0;
      for await (const event of readTranscript(new SessionFolder(folder, id), {
        rows: options.rows,
        bytes,
      })) {
        if (options.speed !== undefined) {
          const until = ends(event);
          await sleep(Math.min(Math.max(until - atNs, 0) / 1e6 / options.speed, longestWaitMs));
          atNs = Math.max(atNs, until);
        }
        if (event.kind === 'fault') process.exitCode = 1;
        if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain');
        io.out(options.json ? `${JSON.stringify(event)}\n` : printer.print(event));
      }
    });
  return withRecordings(command);
}

/** When all that the event shows had happened. */
const ends = (event: TranscriptEvent): number =>
  event.atNs + (event.kind === 'statement' ? (event.durationNs ?? 0) : 0);

function factor(text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('Write a number above 0: 1 is as it was, 2 is twice as fast.');
}

function count(text: string): number {
  return text === '0' ? 0 : positive(text);
}
