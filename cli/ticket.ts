import { Command, InvalidArgumentError } from 'commander';
import { call } from '#cli/call.ts';
import { type Connection, type ConnectionOptions, connect, withConnection } from '#cli/connection.ts';
import { type Io, processIo } from '#cli/io.ts';
import { safeJson } from '#cli/terminal-safe.ts';
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
    .argument('<target>', 'the target, as the policy names it: shop')
    .option('--ttl <time>', 'how long it is good: 90 (seconds), 90s or 5m; 15m at most', parseTtl, 300)
    .option('--json', 'print ticket, expiry and command for machines')
    .addHelpText(
      'after',
      '\nExamples:\n  sallyport ticket shop --as dev\n  PGPASSWORD=$(sallyport ticket shop --as dev) psql …',
    )
    .action(async (target: string, options: TicketOptions) => {
      const connection = await connect(options, io);
      const answer = await call(connection, io, {
        method: 'POST',
        path: '/v1/tickets',
        body: { target, ttlSeconds: options.ttl },
        answer: ticketAnswerSchema,
      });
      print(io, answer, psqlLine(connection, target, answer.ticket), options.json ?? false);
    });
  return withConnection(command);
}

function print(io: Io, answer: TicketAnswer, psql: string, json: boolean): void {
  const until = new Date(answer.expiresAt).toISOString();
  if (json) {
    io.out(`${safeJson({ ticket: answer.ticket, expiresAt: until, psql })}\n`);
    return;
  }
  io.out(`${answer.ticket}\n`);
  io.err(`Good once, until ${until}:\n  ${psql}\n`);
}

/** A command to paste; what is not known of the gateway stands in capitals. */
function psqlLine({ gateway }: Connection, target: string, ticket: string): string {
  const { host = 'GATEWAY', port = 5432 } = gateway?.postgres ?? {};
  const settings = [
    ['host', host],
    ['port', port],
    ['dbname', target],
    ['user', userPlaceholder],
    ['sslmode', 'verify-full'],
    ...(gateway?.ca === undefined ? [] : [['sslrootcert', quoted(gateway.ca)]]),
  ];
  return `PGPASSWORD=${ticket} psql "${settings.map(pair => pair.join('=')).join(' ')}"`;
}

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
