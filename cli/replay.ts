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
import { timeInto } from '#cli/replay/play/clock-text.ts';
import { playChannel } from '#cli/replay/play.ts';
import { TranscriptPrinter } from '#cli/replay/print.ts';
import { readTranscript } from '#cli/replay/session-transcript.ts';
import { findChannels } from '#cli/replay/ssh/channels.ts';
import { printCommands } from '#cli/replay/ssh/command-list.ts';
import { filmChannel } from '#cli/replay/ssh/film.ts';
import { positive } from '#cli/sessions.ts';
import { safeJson } from '#cli/terminal-safe.ts';
import { SessionFolder } from '#lib/evidence/folder.ts';
import { readOverview } from '#lib/evidence/overview.ts';

interface Options extends RecordingsOptions {
  readonly speed?: number;
  /** Seconds. */
  readonly idleLimit: number;
  /** Milliseconds. */
  readonly from: number;
  readonly channel?: number;
  readonly rows: number;
  readonly full?: boolean;
  readonly json?: boolean;
  readonly text?: boolean;
  readonly asciicast?: boolean;
  readonly commands?: boolean;
}

const keptBytes = 64 * 1024;
/** PostgreSQL's own bound on a message. */
const allBytes = 0x40000000;

/** `sallyport replay ID`: exit code 1 when the recording does not hold, or there is none. */
export function replayCommand(io: Io = processIo): Command {
  const command = new Command('replay')
    .description(
      'show a recorded session, verified as it is read: as a transcript, or played in the terminal',
    )
    .argument('<id>', 'the session, or the beginning of its id that no other has')
    .option('--text', 'print a transcript, where a shell would be played')
    .option('--speed <factor>', 'play it in its own time, so many times as fast', factor)
    .option('--idle-limit <seconds>', 'wait no longer than this for what comes next', factor, 10)
    .option('--from <time>', 'begin there: 90, 2m, 1:30 into the channel', timeInto, 0)
    .option(
      '--channel <number>',
      'of several shells, play this one; with --text, tell of this channel alone',
      positive,
    )
    .option('--commands', 'list commands with their times; those of a shell are read from its screen')
    .option('--asciicast', 'write a shell as an asciicast, version 3, for asciinema')
    .option('--rows <count>', 'show at most so many rows of each result, or lines of output', count, 10)
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
  sallyport replay 7a20c1de --text
  sallyport replay 7a20c1de --commands
  sallyport replay 7a20c1de --asciicast > shell.cast

A shell is played where the output is a terminal. Keys: space pauses, right and left go 5 s on and back, up and down
change the speed, q ends. Only what draws is let through: nothing that a terminal obeys otherwise.

Exit codes: 0 shown, 1 the recording does not hold or there is none, 2 the command was wrong.`,
    )
    .action(async (prefix: string, options: Options) => {
      const folder = await findRecordings(options, io);
      const source = new SessionFolder(folder, findId(await listRecordings(folder), prefix));
      if (options.commands) await printCommands(source, options, io);
      else if (options.asciicast) await filmChannel(source, options.channel, io);
      else if (await isPlayable(source, options)) await playChannel(source, options, io);
      else await printTranscript(source, options, io);
    });
  return withRecordings(command);
}

/** A terminal looks at a session with one shell, or at the one that was named, and asks for nothing else. */
async function isPlayable(source: SessionFolder, { text, json, channel }: Options): Promise<boolean> {
  if (text || json || !process.stdout.isTTY) return false;
  if (channel !== undefined) return true;
  if ((await readOverview(source)).open.protocol !== 'ssh') return false;
  const { channels, faults } = await findChannels(source);
  return faults.length === 0 && channels.filter(({ terminal }) => terminal).length === 1;
}

async function printTranscript(source: SessionFolder, options: Options, io: Io): Promise<void> {
  const bytes = options.full ? allBytes : keptBytes;
  const printer = new TranscriptPrinter();
  let atNs = 0;
  let found = false;
  for await (const event of readTranscript(source, { rows: options.rows, bytes })) {
    if (options.speed !== undefined) {
      const until = ends(event);
      const waitMs = Math.max(until - atNs, 0) / 1e6;
      await sleep(Math.min(waitMs / options.speed, options.idleLimit * 1000));
      atNs = Math.max(atNs, until);
    }
    if (event.kind === 'fault') process.exitCode = 1;
    if (options.channel !== undefined) {
      found ||= 'channel' in event && event.channel === options.channel;
      if (isOfOther(event, options.channel)) continue;
    }
    if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain');
    io.out(options.json ? `${safeJson(event)}\n` : printer.print(event));
  }
  if (options.channel !== undefined && !found) {
    io.err(`There is no channel ${options.channel} in this session; without --channel, all are told of.\n`);
    process.exitCode = 1;
  }
}

const isOfOther = (event: TranscriptEvent, channel: number): boolean =>
  'channel' in event && typeof event.channel === 'number' && event.channel !== channel;

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
