import type { TranscriptEvent } from '#cli/replay/events.ts';
import { decided, shorten } from '#cli/replay/phrases.ts';
import { line, lines } from '#cli/terminal-safe.ts';
import { duration, size } from '#cli/units.ts';

const sshKinds = [
  'command',
  'output',
  'entered',
  'screen',
  'unread',
  'withheld',
  'signal',
  'resize',
  'connection',
  'file',
  'exit',
] as const;

export type SshEvent = TranscriptEvent & { readonly kind: (typeof sshKinds)[number] };

export const isSshEvent = (event: TranscriptEvent): event is SshEvent =>
  (sshKinds as readonly string[]).includes(event.kind);

/** Characters that are shown of a line. JSON and the recording have all of them. */
const maxLine = 500;
/** Operations on files are one line each. */
const fileKinds = new Set(['sftp', 'scp']);

/** Turns what happened in an SSH session into lines that no terminal obeys. Each names its channel. */
export class SshPrinter {
  readonly #time: (atNs: number) => string;
  /** Whether the last line was one of a list: what follows is parted from it. */
  #inList = false;

  constructor(time: (atNs: number) => string) {
    this.#time = time;
  }

  print(event: SshEvent): string {
    const out = this.#lines(event);
    if (out.length === 0) return '';
    const listed =
      event.kind === 'file' ||
      event.kind === 'connection' ||
      (event.kind === 'command' && fileKinds.has(event.command.what));
    const parted = this.#inList && !listed ? ['', ...out] : out;
    this.#inList = listed;
    return `${parted.join('\n')}\n`;
  }

  #lines(event: SshEvent): string[] {
    const head = `${this.#time(event.atNs)}  [${event.channel ?? '-'}]`;
    switch (event.kind) {
      case 'command':
        return this.#command(event, head);
      case 'output':
        return output(event);
      case 'entered':
        return [`${head} read from the screen`, ...lines(event.command).map(row => `    $ ${cut(row)}`)];
      case 'screen':
        return [
          ...(event.headLost ? ['    … earlier lines (the recording has them)'] : []),
          ...event.lines.map(row => `      ${cut(line(row))}`.trimEnd()),
          ...more(event.moreLines, event.lines.length),
          ...(event.fullScreen
            ? ['      (a program used the whole screen: play the session to see it)']
            : []),
        ];
      case 'unread':
        return [`${head} the screen was not read from here on: it would have taken too long`];
      case 'withheld':
        return [`${head} ${event.bytes} keys without an echo are not recorded`];
      case 'signal':
        return [`${head} signal ${line(event.signal)}`];
      case 'resize':
        return [];
      case 'connection':
        return [`${head} ${line(JSON.stringify(event.facts))}`];
      case 'file':
        return [`${head} ${file(event)}`];
      case 'exit':
        return exit(event, head);
    }
  }

  #command(event: SshEvent & { kind: 'command' }, head: string): string[] {
    const { command, decision, level, refused } = event;
    const { what, text, details } = command;
    const verdict = `${decision ? decided(decision) : 'no decision'}${level ? `, recorded ${line(level)}` : ''}`;
    if (refused !== undefined) {
      return [
        `${head} REFUSED ${line(what)}`,
        ...(text === '' ? [] : lines(text).map(row => `    ${cut(row)}`)),
        `  ${verdict}`,
        `  ${cut(line(refused))}`,
        '',
      ];
    }
    if (fileKinds.has(what)) {
      return [`${head} ${line(what)} ${cut(line(text))}  ${decision ? decided(decision) : 'no decision'}`];
    }
    const environment = details['environment'];
    return [
      `${head} ${line(what)}${details['pty'] === true ? ' with a terminal' : ''}`,
      ...(text === '' ? [] : lines(text).map(row => `    ${cut(row)}`)),
      ...(environment === undefined ? [] : [`  environment ${cut(line(JSON.stringify(environment)))}`]),
      `  ${verdict}`,
    ];
  }
}

function output({ stream, lines: rows, moreLines, bytes, binary }: SshEvent & { kind: 'output' }): string[] {
  if (binary) return [`  ${stream}: ${size(bytes)}, not text`];
  const label = stream === 'stdout' ? '' : `${stream}: `;
  return [...rows.map(row => `    ${label}${cut(line(row))}`.trimEnd()), ...more(moreLines, rows.length)];
}

function file({ path, orPath, direction, bytes, sha256, why }: SshEvent & { kind: 'file' }): string {
  const what = direction === 'write' ? 'written' : 'read';
  const digest =
    sha256 === null ? `no SHA-256 (${line(why ?? 'no reason given')})` : `sha256 ${line(sha256)}`;
  const place = orPath === undefined ? path : `${path} or ${orPath}`;
  return `${what} ${cut(line(place))}  ${bytes} bytes  ${digest}`;
}

function exit(event: SshEvent & { kind: 'exit' }, head: string): string[] {
  const { status, signal, why, durationNs, bytesIn, bytesOut } = event;
  const how =
    signal !== undefined
      ? `ended by signal ${line(signal)}`
      : status !== undefined
        ? `exit ${status}`
        : why !== undefined
          ? `not opened: ${line(why)}`
          : 'over';
  return [`${head} ${how}  (${duration(durationNs)}, ${size(bytesIn)} in, ${size(bytesOut)} out)`, ''];
}

const more = (count: number, shown: number): string[] =>
  count > 0 ? [`    … ${count} more lines (--rows ${count + shown} shows all)`] : [];

const cut = (text: string): string => shorten(text, maxLine);
