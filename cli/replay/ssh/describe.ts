import type { Facts, SshCommandShown } from '#cli/replay/events.ts';

/** What every command record has, and no reader asks for. */
const common = new Set([
  'decision',
  'sha256',
  'bytes',
  'level',
  'kind',
  'channel',
  'command',
  'commandBase64',
]);

/** What a command record of an SSH session says, in one line of its own words. Whatever it says, nothing throws. */
export function describe(record: Facts): SshCommandShown {
  const what = String(record['kind']);
  const details = Object.fromEntries(Object.entries(record).filter(([name]) => !common.has(name)));
  return { what, text: text(what, record), details };
}

function text(what: string, record: Facts): string {
  const { command, commandBase64, name, operation, path, orPath, to, destination, origin, address, target } =
    record;
  switch (what) {
    case 'exec':
      // Not UTF-8: one character a byte.
      if (typeof commandBase64 === 'string') return Buffer.from(commandBase64, 'base64').toString('latin1');
      return words(command);
    case 'subsystem':
      return words(name);
    case 'sftp':
    case 'scp':
      return [
        words(operation),
        words(path),
        ...(orPath === undefined ? [] : ['or', words(orPath)]),
        ...(to === undefined ? [] : ['->', words(to)]),
        ...flags(record),
      ]
        .filter(Boolean)
        .join(' ');
    case 'forward':
      return `${words(destination)}${origin ? ` from ${words(origin)}` : ''}${target === undefined ? '' : `, to ${words(target)} as a session of its own`}`;
    case 'listen':
      return words(address);
    default:
      return '';
  }
}

function flags({ flags }: Facts): string[] {
  return Array.isArray(flags) && flags.length > 0 ? [`(${flags.map(String).join(', ')})`] : [];
}

const words = (value: unknown): string => (value === undefined ? '' : String(value));
