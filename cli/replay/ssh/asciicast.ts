import { constants } from 'node:os';
import type { ChannelEvent, Exit } from '#cli/replay/ssh/channel-events.ts';
import { ShellReader } from '#cli/replay/ssh/shell-reader.ts';
import { DrawingFilter } from '#cli/replay/terminal/drawing-filter.ts';
import { bounded } from '#cli/replay/terminal/screen.ts';
import { line, safeJson } from '#cli/terminal-safe.ts';

export interface AsciicastOptions {
  /** Milliseconds since the epoch, of the session. */
  readonly startedAt: number | undefined;
  readonly title: string;
  /** How long the screen may be emulated for the markers. */
  readonly screenMs: number;
  readonly now?: () => number;
}

interface Pending {
  readonly atNs: number;
  readonly code: 'o' | 'i' | 'r' | 'm' | 'x';
  readonly data: string;
}

/**
 * A channel as an asciicast, version 3, https://docs.asciinema.org/manual/asciicast/v3/: what was shown (of it what
 * draws: see obeyed.ts), keys that were recorded, window sizes, a marker at each command that was read from the
 * screen, the exit status. The recording is the evidence; this is a film of it.
 *
 * @returns lines with their line feeds; time is counted from the first event of the channel
 */
export async function* asciicast(
  events: AsyncIterable<ChannelEvent>,
  { startedAt, title, screenMs, now }: AsciicastOptions,
): AsyncGenerator<string, void, void> {
  const filter = new DrawingFilter();
  const keys = new TextDecoder('utf-8', { ignoreBOM: true });
  let reader: ShellReader | undefined;
  let lastNs = 0;
  let size = { cols: 80, rows: 24 };
  let begun = false;
  const encode = ({ atNs, code, data }: Pending): string => {
    const interval = Math.max(atNs - lastNs, 0) / 1e9;
    lastNs = Math.max(atNs, lastNs);
    return `${safeJson([Number(interval.toFixed(6)), code, data])}\n`;
  };
  const begin = (atNs: number, term: string | undefined): string => {
    begun = true;
    lastNs = atNs;
    reader = new ShellReader(size.cols, size.rows, { rows: 0, limitMs: screenMs, ...(now && { now }) });
    const header = {
      version: 3,
      term: { ...size, ...(term === undefined ? {} : { type: line(term) }) },
      ...(startedAt === undefined ? {} : { timestamp: Math.floor((startedAt + atNs / 1e6) / 1000) }),
      title: line(title),
    };
    return `${safeJson(header)}\n`;
  };

  for await (const event of events) {
    const { atNs } = event;
    if (event.kind === 'resize') {
      size = bounded(event.cols, event.rows);
      if (!begun) {
        yield begin(atNs, event.term);
        continue;
      }
    } else if (!begun) yield begin(atNs, undefined);
    switch (event.kind) {
      case 'resize':
        reader!.resize(size.cols, size.rows);
        yield encode({ atNs, code: 'r', data: `${size.cols}x${size.rows}` });
        break;
      case 'output': {
        const markers: string[] = [];
        for await (const reading of reader!.output(event.bytes, atNs)) {
          if (reading.kind === 'entered') markers.push(line(reading.command));
        }
        for (const data of markers) yield encode({ atNs, code: 'm', data });
        const data = filter.filter(event.bytes);
        if (data !== '') yield encode({ atNs, code: 'o', data });
        break;
      }
      case 'input': {
        const data = keys.decode(event.bytes, { stream: true });
        if (data !== '') yield encode({ atNs, code: 'i', data });
        for await (const _ of reader!.keys(event.bytes, atNs));
        break;
      }
      case 'withheld':
        reader!.withheld(atNs);
        break;
      case 'exit':
        yield encode({ atNs, code: 'x', data: String(statusOf(event.exit)) });
        break;
    }
  }
  if (!begun) yield begin(0, undefined);
  for await (const _ of reader!.end(lastNs));
}

/** As shells count it: 128 and the number of the signal. */
function statusOf(exit: Exit): number {
  if (exit === undefined) return 255;
  if ('status' in exit) return exit.status;
  const name = `SIG${exit.signal}`;
  const signals: Readonly<Record<string, number>> = constants.signals;
  return Object.hasOwn(signals, name) ? 128 + signals[name]! : 255;
}
