import { Command, InvalidArgumentError } from 'commander';
import { call } from '#cli/call.ts';
import { type Connection, type ConnectionOptions, connect, withConnection } from '#cli/connection.ts';
import { type Io, processIo } from '#cli/io.ts';
import { safeJson, line as safeLine } from '#cli/terminal-safe.ts';
import { type TicketAnswer, ticketAnswerSchema } from '#lib/aws/control-api.ts';
import { userPlaceholder } from '#lib/identity/user-name.ts';

interface TicketOptions extends ConnectionOptions {
  /** Seconds. */
  readonly ttl: number;
  readonly json?: boolean;
}

/** `sallyport ticket TARGET [--ttl 5m]`: the ticket alone on stdout, how to use it on stderr. */
export function ticketCommand(io: Io = processIo): Command {
  const command = new Command('ticket')
    .description('get a password for one target that works once')
    .argument('<target>', 'the target, as the policy names it: shop, web-1')
    .option('--ttl <time>', 'how long it is good: 90 (seconds), 90s or 5m; 15m at most', parseTtl, 300)
    .option('--json', 'print ticket, expiry and command for machines')
    .addHelpText(
      'after',
      `
The ticket alone is printed on standard output, what to do with it on standard error.

Examples:
  sallyport ticket shop --as dev
  PGPASSWORD=$(sallyport ticket shop --as dev) psql …
  SSHPASS=$(sallyport ticket web-1 --as dev) sshpass -e ssh -o PreferredAuthentications=password web-1@GATEWAY`,
    )
    .action(async (wanted: string, options: TicketOptions) => {
      // Which database or login of it is said where it is used.
      const [target = ''] = wanted.split('/');
      const connection = await connect(options, io);
      const answer = await call(connection, io, {
        method: 'POST',
        path: '/v1/tickets',
        body: { target, ttlSeconds: options.ttl },
        answer: ticketAnswerSchema,
      });
      print(io, answer, commandOf(answer, connection, wanted), options.json ?? false);
    });
  return withConnection(command);
}

interface Pasted {
  /** The client. */
  readonly name: 'psql' | 'ssh';
  /** To paste. */
  readonly line: string;
  readonly how: string;
}

function commandOf({ protocol, ticket }: TicketAnswer, connection: Connection, wanted: string): Pasted {
  return protocol === 'ssh'
    ? { name: 'ssh', line: sshLine(connection, wanted), how: 'as the password of' }
    : { name: 'psql', line: psqlLine(connection, wanted, ticket), how: 'with' };
}

function print(io: Io, answer: TicketAnswer, { name, line, how }: Pasted, json: boolean): void {
  const until = new Date(answer.expiresAt).toISOString();
  if (json) {
    io.out(`${safeJson({ ticket: answer.ticket, expiresAt: until, [name]: line })}\n`);
    return;
  }
  io.out(`${answer.ticket}\n`);
  io.err(`Good once, until ${until}, ${how}:\n  ${safeLine(line)}\n`);
}

/** A command to paste; what is not known of the gateway stands in capitals. */
function psqlLine({ gateway }: Connection, target: string, ticket: string): string {
  const { host = 'GATEWAY', port = 5432 } = gateway?.postgres ?? {};
  const settings = [
    ['host', host],
    ['port', port],
    ['dbname', quoted(target)],
    ['user', userPlaceholder],
    ['sslmode', 'verify-full'],
    ...(gateway?.ca === undefined ? [] : [['sslrootcert', quoted(gateway.ca)]]),
  ];
  return `PGPASSWORD=${ticket} psql "${settings.map(pair => pair.join('=')).join(' ')}"`;
}

/** The same for ssh; the host key is known by the file that "npm start" writes. */
function sshLine({ gateway }: Connection, target: string): string {
  const { host = 'GATEWAY', port = 22, knownHostsFile } = gateway?.ssh ?? {};
  return [
    ...['ssh', '-p', port, '-o', 'PreferredAuthentications=password'],
    // ssh takes blanks apart, but in its own quotes.
    ...(knownHostsFile === undefined ? [] : ['-o', shellQuoted(`UserKnownHostsFile="${knownHostsFile}"`)]),
    shellQuoted(`${target}@${host}`),
  ].join(' ');
}

const shellQuoted = (text: string): string =>
  /^[\w./@:=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

/** A value of a connection string (libpq, section "Keyword/Value Connection Strings") inside double quotes. */
function quoted(value: string): string {
  if (/^[\w./-]+$/.test(value)) return value;
  const inner = value.replace(/[\\']/g, '\\$&');
  return `'${inner.replace(/[\\"$`]/g, '\\$&')}'`;
}

/** `90`, `90s`, `5m` to seconds. */
export function parseTtl(text: string): number {
  const [, count, unit = 's'] = /^(\d{1,4})([sm])?$/.exec(text) ?? [];
  const seconds = Number(count) * (unit === 'm' ? 60 : 1);
  if (seconds >= 1 && seconds <= 900) return seconds;
  throw new InvalidArgumentError('Write it like 90 (seconds), 90s or 5m; 15m at most.');
}
