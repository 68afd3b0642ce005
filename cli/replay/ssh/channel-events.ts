import { readRecords } from '#cli/replay/ssh/records.ts';
import { streamOf } from '#cli/replay/ssh/streams.ts';
import type { SessionSource } from '#lib/evidence/reader.ts';

/** What happened in one channel. Times are nanoseconds since the session opened. */
export type ChannelEvent =
  | { readonly kind: 'output'; readonly atNs: number; readonly bytes: Buffer }
  /** Keys, as far as the recording has them. */
  | { readonly kind: 'input'; readonly atNs: number; readonly bytes: Buffer }
  | { readonly kind: 'withheld'; readonly atNs: number }
  | {
      readonly kind: 'resize';
      readonly atNs: number;
      readonly cols: number;
      readonly rows: number;
      readonly term: string | undefined;
    }
  | { readonly kind: 'exit'; readonly atNs: number; readonly exit: Exit };

export type Exit = { readonly status: number } | { readonly signal: string } | undefined;

/** One channel out of a session, standard error among the output as a terminal shows it. Bytes are views. */
export async function* readChannel(
  source: SessionSource,
  channel: number,
): AsyncGenerator<ChannelEvent, void, void> {
  const stream = streamOf(channel);
  const commands = new Set<number>();
  for await (const record of readRecords(source)) {
    if (record.kind === 'fault') continue;
    const { atNs } = record;
    if (record.kind === 'bytes') {
      if (record.from === 'client' && record.stream === stream)
        yield { kind: 'input', atNs, bytes: record.bytes };
      if (record.from === 'server' && (record.stream & ~1) === stream)
        yield { kind: 'output', atNs, bytes: record.bytes };
      continue;
    }
    const { type, facts, sequence, supplement } = record;
    if (supplement && commands.has(Number(facts['of'])) && facts['exit'] !== undefined) {
      yield { kind: 'exit', atNs, exit: exitOf(facts['exit']) };
    }
    if (facts['channel'] !== stream) continue;
    if (type === 'command' && !supplement) commands.add(sequence);
    else if (type === 'notice' && typeof facts['withheld'] === 'number') yield { kind: 'withheld', atNs };
    else if (type === 'resize') {
      const { cols, rows, term } = facts;
      yield {
        kind: 'resize',
        atNs,
        cols: sizeOf(cols, 80),
        rows: sizeOf(rows, 24),
        term: typeof term === 'string' ? term : undefined,
      };
    }
  }
}

function exitOf(exit: unknown): Exit {
  if (typeof exit !== 'object' || exit === null) return undefined;
  if ('status' in exit && typeof exit.status === 'number') return { status: exit.status };
  if ('signal' in exit && typeof exit.signal === 'string') return { signal: exit.signal };
  return undefined;
}

const sizeOf = (value: unknown, usual: number): number =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 0x10000 ? value : usual;
