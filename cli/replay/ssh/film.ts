import { once } from 'node:events';
import type { Io } from '#cli/io.ts';
import { chooseTerminal } from '#cli/replay/choose-channel.ts';
import { where } from '#cli/replay/phrases.ts';
import { asciicast } from '#cli/replay/ssh/asciicast.ts';
import { readChannel } from '#cli/replay/ssh/channel-events.ts';
import { findChannels } from '#cli/replay/ssh/channels.ts';
import { reportFaults } from '#cli/replay/ssh/faults.ts';
import { readOverview } from '#lib/evidence/overview.ts';
import type { SessionSource } from '#lib/evidence/reader.ts';

const screenMs = 60_000;

/** Writes a shell's channel as an asciicast. */
export async function filmChannel(source: SessionSource, wanted: number | undefined, io: Io): Promise<void> {
  const { open } = await readOverview(source);
  const found = await findChannels(source);
  const { channel } = chooseTerminal(found, wanted);
  reportFaults(found.faults, io);
  const title = `${open.principal.name} at ${where(open.target, open.place)}, session ${source.id}`;
  const lines = asciicast(readChannel(source, channel), { startedAt: found.startedAt, title, screenMs });
  for await (const text of lines) {
    if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain');
    io.out(text);
  }
}
