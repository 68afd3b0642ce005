import type {
  Asked,
  DecisionShown,
  Facts,
  RecordPlace,
  Transcript,
  TranscriptEvent,
  TranscriptOptions,
} from '#cli/replay/events.ts';
import { describe } from '#cli/replay/ssh/describe.ts';
import { Excerpt } from '#cli/replay/ssh/excerpt.ts';
import { type Reading, ShellReader } from '#cli/replay/ssh/shell-reader.ts';
import { channelOf } from '#cli/replay/ssh/streams.ts';

/** A client opens as many channels as it likes; those that are over are forgotten. */
const maxChannels = 1_024;
const maxExcerptBytes = 1024 * 1024;
const usualScreenMs = 30_000;

/** One channel while its program runs. */
interface Running {
  readonly channel: number;
  readonly atNs: number;
  readonly kind: string;
  readonly stdin: Excerpt;
  readonly stdout: Excerpt;
  readonly stderr: Excerpt;
  /** Its bytes are a file protocol's, or a connection's: they are counted. */
  opaque: boolean;
  screen: ShellReader | undefined;
}

/**
 * What happened in an SSH session, in the order of the records. Commands and files are told by their own records;
 * what a program showed is told when it is over, and of a terminal line by line, as its screen is read.
 * Known limit: what a server answers to an operation on a file is in the recording's bytes and not told here.
 */
export class SshTranscript implements Transcript {
  readonly #options: TranscriptOptions;
  readonly #running = new Map<number, Running>();
  readonly #sizes = new Map<number, { readonly cols: number; readonly rows: number }>();
  /** Channels of commands whose exit is still to come, by the command record's number. */
  readonly #channelOf = new Map<number, number>();

  constructor(options: TranscriptOptions) {
    this.#options = options;
  }

  async *clientBytes(
    bytes: Buffer,
    atNs: number,
    stream: number,
  ): AsyncGenerator<TranscriptEvent, void, void> {
    const running = this.#running.get(channelOf(stream));
    if (running === undefined) return;
    running.stdin.add(bytes);
    if (running.screen) yield* told(running.channel, running.screen.keys(bytes, atNs));
  }

  async *serverBytes(
    bytes: Buffer,
    atNs: number,
    stream: number,
  ): AsyncGenerator<TranscriptEvent, void, void> {
    const running = this.#running.get(channelOf(stream));
    if (running === undefined) return;
    const error = stream % 2 === 1;
    (error ? running.stderr : running.stdout).add(bytes);
    if (running.screen && !error) yield* told(running.channel, running.screen.output(bytes, atNs));
  }

  async *command(
    record: Facts,
    decision: DecisionShown | undefined,
    { sequence, atNs, supplement }: RecordPlace,
  ): AsyncGenerator<TranscriptEvent, void, void> {
    if (supplement) {
      yield* this.#supplement(record, atNs);
      return;
    }
    const { level, kind } = record;
    const channel = numberOf(record);
    yield {
      kind: 'command',
      atNs,
      channel,
      command: describe(record),
      decision,
      level: typeof level === 'string' ? level : undefined,
      refused: undefined,
    };
    if (channel === undefined) return;
    if (kind === 'sftp' || kind === 'scp') {
      const running = this.#running.get(channel);
      if (running) running.opaque = true;
    } else {
      yield* this.#start(String(kind), record, channel, sequence, atNs);
    }
  }

  *refusal(
    refused: Facts,
    decision: DecisionShown | undefined,
    asked: Asked | undefined,
    { atNs }: RecordPlace,
  ): Generator<TranscriptEvent, void, void> {
    yield {
      kind: 'command',
      atNs,
      channel: numberOf(refused),
      // Files are told by what was decided: their requests are in the bytes.
      command:
        refused['kind'] === undefined
          ? { what: asked?.verb ?? '', text: asked?.objects.join('; ') ?? '', details: {} }
          : describe(refused),
      decision,
      level: undefined,
      refused: String(refused['message']),
    };
  }

  *note(
    type: 'notice' | 'resize' | 'file',
    facts: Facts,
    { atNs }: RecordPlace,
  ): Generator<TranscriptEvent, void, void> {
    const channel = numberOf(facts);
    if (channel === undefined) return;
    if (type === 'file') yield file(facts, channel, atNs);
    else if (type === 'resize') {
      const size = { cols: count(facts['cols']), rows: count(facts['rows']) };
      if (this.#sizes.size >= maxChannels) this.#sizes.clear();
      this.#sizes.set(channel, size);
      this.#running.get(channel)?.screen?.resize(size.cols, size.rows);
      yield { kind: 'resize', atNs, channel, ...size };
    } else if (typeof facts['withheld'] === 'number') {
      this.#running.get(channel)?.screen?.withheld(atNs);
      yield { kind: 'withheld', atNs, channel, bytes: facts['withheld'] };
    } else if (typeof facts['signal'] === 'string') {
      yield { kind: 'signal', atNs, channel, signal: facts['signal'] };
    }
  }

  /** Nothing waits: everything is told as it comes. */
  pendingSince(): undefined {
    return undefined;
  }

  async *finish(atNs: number): AsyncGenerator<TranscriptEvent, void, void> {
    for (const running of [...this.#running.values()]) yield* this.#end(running, atNs, {});
  }

  async *#start(
    kind: string,
    { pty }: Facts,
    channel: number,
    sequence: number,
    atNs: number,
  ): AsyncGenerator<TranscriptEvent, void, void> {
    const before = this.#running.get(channel) ?? this.#oldest();
    if (before) yield* this.#end(before, atNs, {});
    const { rows, bytes, screenMs = usualScreenMs } = this.#options;
    const size = this.#sizes.get(channel);
    const excerpt = () => new Excerpt(rows, Math.min(bytes, maxExcerptBytes));
    this.#channelOf.set(sequence, channel);
    this.#running.set(channel, {
      channel,
      atNs,
      kind,
      stdin: excerpt(),
      stdout: excerpt(),
      stderr: excerpt(),
      opaque: kind !== 'shell' && kind !== 'exec',
      screen:
        pty === true && screenMs > 0
          ? new ShellReader(size?.cols ?? 80, size?.rows ?? 24, { rows, limitMs: screenMs })
          : undefined,
    });
  }

  #oldest(): Running | undefined {
    return this.#running.size < maxChannels ? undefined : this.#running.values().next().value;
  }

  async *#supplement(record: Facts, atNs: number): AsyncGenerator<TranscriptEvent, void, void> {
    const { of, exit, ...others } = record;
    const channel = typeof of === 'number' ? this.#channelOf.get(of) : undefined;
    if (typeof exit === 'object' && exit !== null) {
      const running = channel === undefined ? undefined : this.#running.get(channel);
      if (typeof of === 'number') this.#channelOf.delete(of);
      if (running) yield* this.#end(running, atNs, exit as Facts);
    } else if (Object.keys(others).length > 0) {
      yield { kind: 'connection', atNs, channel, facts: others };
    }
  }

  async *#end(running: Running, atNs: number, exit: Facts): AsyncGenerator<TranscriptEvent, void, void> {
    const { channel, stdin, stdout, stderr, screen } = running;
    this.#running.delete(channel);
    if (screen) yield* told(channel, screen.end(atNs));
    const streams = { stdin, stdout, stderr };
    for (const stream of ['stdin', 'stdout', 'stderr'] as const) {
      // A terminal's keys and output have been read from its screen.
      if (streams[stream].bytes === 0 || running.opaque || (screen && stream !== 'stderr')) continue;
      yield { kind: 'output', atNs, channel, stream, ...streams[stream].read() };
    }
    const { status, signal, why } = exit;
    yield {
      kind: 'exit',
      atNs,
      channel,
      status: typeof status === 'number' ? status : undefined,
      signal: typeof signal === 'string' ? signal : undefined,
      why: typeof why === 'string' ? why : undefined,
      durationNs: atNs - running.atNs,
      bytesIn: stdin.bytes,
      bytesOut: stdout.bytes + stderr.bytes,
    };
  }
}

/** Events of what was read from a screen. */
async function* told(
  channel: number,
  readings: AsyncIterable<Reading>,
): AsyncGenerator<TranscriptEvent, void, void> {
  for await (const reading of readings) {
    const { kind, atNs } = reading;
    if (kind === 'entered') yield { kind, atNs, channel, command: reading.command };
    else if (kind === 'shown') yield { kind: 'screen', atNs, channel, ...reading.shown };
    else yield { kind: 'unread', atNs, channel };
  }
}

function file(facts: Facts, channel: number, atNs: number): TranscriptEvent {
  const { path, orPath, direction, bytes, sha256, why } = facts;
  return {
    kind: 'file',
    atNs,
    channel,
    path: String(path),
    orPath: typeof orPath === 'string' ? orPath : undefined,
    direction: String(direction),
    bytes: count(bytes),
    sha256: typeof sha256 === 'string' ? sha256 : null,
    why: typeof why === 'string' ? why : undefined,
  };
}

const numberOf = ({ channel }: Facts): number | undefined =>
  typeof channel === 'number' && channel >= 2 ? channelOf(channel) : undefined;

const count = (value: unknown): number => (typeof value === 'number' && value >= 0 ? Math.floor(value) : 0);
