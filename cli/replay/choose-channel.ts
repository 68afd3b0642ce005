import type { ChannelFound, ChannelsFound } from '#cli/replay/ssh/channels.ts';
import { line } from '#cli/terminal-safe.ts';
import { UsageError } from '#cli/usage-error.ts';

/**
 * The terminal that is meant: the one that was named, else the only one.
 * Throws {@link UsageError}: there is none, or there are several; it lists what the session has.
 */
export function chooseTerminal({ channels }: ChannelsFound, wanted: number | undefined): ChannelFound {
  const terminals = channels.filter(({ terminal }) => terminal);
  if (wanted !== undefined) {
    const found = channels.find(({ channel }) => channel === wanted);
    if (found?.terminal) return found;
    throw new UsageError(`Channel ${wanted} had no terminal. ${list(channels)}`);
  }
  if (terminals.length === 1) return terminals[0]!;
  if (terminals.length === 0)
    throw new UsageError(`Nobody had a terminal in this session. ${list(channels)}`);
  throw new UsageError(`Several terminals: name one with --channel. ${list(channels)}`);
}

const maxListed = 20;

function list(channels: readonly ChannelFound[]): string {
  if (channels.length === 0) return 'The recording has no channels.';
  const rows = channels
    .slice(0, maxListed)
    .map(
      ({ channel, kind, text, terminal }) =>
        `  ${channel}  ${line(kind)}${terminal ? ' with a terminal' : ''}${text === '' ? '' : `  ${line(text).slice(0, 100)}`}`,
    );
  const more = channels.length > maxListed ? [`  … ${channels.length - maxListed} more`] : [];
  return ['Its channels:', ...rows, ...more].join('\n');
}
