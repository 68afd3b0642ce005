import { once } from 'node:events';
import type { Io } from '#cli/io.ts';
import type { TranscriptEvent } from '#cli/replay/events.ts';
import { readTranscript } from '#cli/replay/session-transcript.ts';
import { line, safeJson } from '#cli/terminal-safe.ts';
import { timestamp } from '#cli/units.ts';
import type { SessionSource } from '#lib/evidence/reader.ts';

const keptBytes = 64 * 1024;
const whatWidth = 10;

/** One command: decided by itself, or typed into a shell that was. */
interface Listed {
  readonly atNs: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly channel?: number | undefined;
  readonly what: string;
  readonly text: string;
  readonly refused?: string | undefined;
  /** `record`: as it was decided and sent; `screen`: as it was echoed, an aid. */
  readonly from: 'record' | 'screen';
}

/** `sallyport replay --commands`: every command of a session in one line each. */
export async function printCommands(
  source: SessionSource,
  { json }: { readonly json?: boolean },
  io: Io,
): Promise<void> {
  let startedAt = 0;
  for await (const event of readTranscript(source, { rows: 0, bytes: keptBytes })) {
    if (event.kind === 'open') startedAt = event.open.startedAt;
    if (event.kind === 'fault') {
      process.exitCode = 1;
      io.err(`FAULT ${event.fault}: ${line(event.message)}\n`);
    }
    if (event.kind === 'unread')
      io.err('The screen was not read to its end: it would have taken too long.\n');
    const command = listed(event, startedAt);
    if (command === undefined) continue;
    if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain');
    io.out(`${json ? safeJson(command) : words(command)}\n`);
  }
}

function listed(event: TranscriptEvent, startedAt: number): Listed | undefined {
  const { atNs } = event;
  const at = startedAt + atNs / 1e6;
  switch (event.kind) {
    case 'statement':
      return { atNs, at, what: event.how, text: event.text, refused: event.refused, from: 'record' };
    case 'command': {
      const { channel, refused } = event;
      return {
        atNs,
        at,
        channel,
        what: event.command.what,
        text: event.command.text,
        refused,
        from: 'record',
      };
    }
    case 'entered':
      return { atNs, at, channel: event.channel, what: 'typed', text: event.command, from: 'screen' };
    default:
      return undefined;
  }
}

function words({ at, channel, what, text, refused, from }: Listed): string {
  const place = channel === undefined ? '' : `[${channel}] `;
  const note = `${from === 'screen' ? '  (read from the screen)' : ''}${refused === undefined ? '' : '  REFUSED'}`;
  return `${timestamp(at)}  ${place}${line(what).padEnd(whatWidth)} ${line(text)}`.trimEnd() + note;
}
