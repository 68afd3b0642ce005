import type { Io } from '#cli/io.ts';
import { chooseTerminal } from '#cli/replay/choose-channel.ts';
import { Player } from '#cli/replay/play/player.ts';
import { TtyStage } from '#cli/replay/play/tty-stage.ts';
import { readChannel } from '#cli/replay/ssh/channel-events.ts';
import { findChannels } from '#cli/replay/ssh/channels.ts';
import { reportFaults } from '#cli/replay/ssh/faults.ts';
import { duration } from '#cli/units.ts';
import { UsageError } from '#cli/usage-error.ts';
import type { SessionSource } from '#lib/evidence/reader.ts';

/** Plays a shell in the terminal that the program runs in; what a recording has against it is said before. */
export async function playChannel(
  source: SessionSource,
  options: {
    readonly channel?: number;
    readonly speed?: number;
    readonly idleLimit: number;
    readonly from: number;
  },
  io: Io,
): Promise<void> {
  const { stdout, stdin } = process;
  if (!stdout.isTTY) throw new UsageError('A shell is played in a terminal: use --text or --asciicast.');
  const found = await findChannels(source);
  const { channel } = chooseTerminal(found, options.channel);
  reportFaults(found.faults, io);
  const stage = new TtyStage(stdout, stdin.isTTY ? stdin : undefined);
  const whole = await new Player(stage, () => readChannel(source, channel), {
    speed: options.speed ?? 1,
    idleLimitMs: options.idleLimit * 1000,
  })
    .play(options.from)
    .finally(() => stage.close());
  const others = found.channels.filter(other => other.channel !== channel).length;
  io.err(
    `${whole ? 'The end' : 'Stopped'}: channel ${channel} of session ${source.id}, which is ${duration(found.endNs)} long.${
      others > 0 ? ` ${others} more channels: --text tells of them.` : ''
    }\n`,
  );
}
