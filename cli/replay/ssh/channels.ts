import { describe } from '#cli/replay/ssh/describe.ts';
import { readRecords } from '#cli/replay/ssh/records.ts';
import { channelOf } from '#cli/replay/ssh/streams.ts';
import type { EvidenceFault } from '#lib/evidence/fault.ts';
import type { SessionSource } from '#lib/evidence/reader.ts';

/** What a channel of an SSH session is for. */
export interface ChannelFound {
  /** From 1. */
  readonly channel: number;
  /** `shell`, `exec`, `subsystem`, `forward` … */
  readonly kind: string;
  readonly text: string;
  /** Somebody sat at a terminal: it can be played. */
  readonly terminal: boolean;
  readonly atNs: number;
}

export interface ChannelsFound {
  readonly channels: readonly ChannelFound[];
  /** There are more. */
  readonly truncated: boolean;
  readonly faults: readonly EvidenceFault[];
  /** Milliseconds since the epoch; undefined: the recording has no open record. */
  readonly startedAt: number | undefined;
  readonly endNs: number;
}

const maxChannels = 10_000;
const maxFaults = 1_000;
/** They are of a channel that has begun with something else. */
const within = new Set(['sftp', 'scp', 'agent', 'x11']);

/** Reads a recording through, verifies it, and says which channels it has. */
export async function findChannels(source: SessionSource): Promise<ChannelsFound> {
  const channels: ChannelFound[] = [];
  const faults: EvidenceFault[] = [];
  let truncated = false;
  let startedAt: number | undefined;
  let endNs = 0;
  for await (const record of readRecords(source)) {
    if (record.kind === 'fault') {
      if (faults.length < maxFaults) faults.push(record.fault);
      continue;
    }
    endNs = record.atNs;
    if (record.kind === 'bytes') continue;
    const { type, facts, supplement, atNs } = record;
    if (type === 'open' && typeof facts['startedAt'] === 'number') startedAt = facts['startedAt'];
    if (type !== 'command' || supplement || typeof facts['channel'] !== 'number') continue;
    const { what: kind, text } = describe(facts);
    if (within.has(kind)) continue;
    if (channels.length >= maxChannels) {
      truncated = true;
      continue;
    }
    channels.push({
      channel: channelOf(facts['channel']),
      kind,
      text,
      terminal: facts['pty'] === true,
      atNs,
    });
  }
  return { channels, truncated, faults, startedAt, endNs };
}
