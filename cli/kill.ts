import { Command } from 'commander';
import { call } from '#cli/call.ts';
import { type Connection, type ConnectionOptions, connect, withConnection } from '#cli/connection.ts';
import { Failure } from '#cli/failure.ts';
import { type Io, processIo } from '#cli/io.ts';
import { listLiveSessions } from '#cli/live.ts';
import { safeJson } from '#cli/terminal-safe.ts';
import { UsageError } from '#cli/usage-error.ts';
import { reasonSchema } from '#lib/aws/access-records.ts';
import { killAnswerSchema } from '#lib/aws/control-api.ts';

interface KillOptions extends ConnectionOptions {
  readonly reason?: string;
  readonly json?: boolean;
}

const wholeId = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** As many characters as `sallyport sessions` shows at least. */
const minPrefix = 8;

/** `sallyport kill ID --reason TEXT` */
export function killCommand(io: Io = processIo): Command {
  const command = new Command('kill')
    .description('end a live session now')
    .argument('<id>', 'the session, or the beginning of its id, 8 characters at least')
    .option('--reason <text>', 'why (required); the person at the other end reads it, and it is recorded')
    .option('--json', 'print the answer for machines')
    .addHelpText(
      'after',
      `
Examples:
  sallyport sessions --live --as dba
  sallyport kill ea647e04 --reason "wrong table" --as dba
  sallyport kill ea647e04-2696-4cbd-ba43-6b431bb56c82 --reason "wrong table" --as dba

Exit codes: 0 told to end, 1 no such session or not permitted, 2 the command was wrong.`,
    )
    .action(async (text: string, options: KillOptions) => {
      const reason = checkReason(options.reason);
      const connection = await connect(options, io);
      const id = await findLive(text.toLowerCase(), connection, io);
      const answer = await call(connection, io, {
        method: 'POST',
        path: `/v1/sessions/${encodeURIComponent(id)}/kill`,
        body: { reason },
        answer: killAnswerSchema,
      });
      io.out(options.json ? `${safeJson(answer)}\n` : `${id} is told to end.\n`);
      if (!answer.heardFrom) {
        io.err(
          'Its gateway task has not been heard from for a while: it may be gone, and the session with it.\n',
        );
      }
    });
  return withConnection(command);
}

/** @throws {UsageError} that says how to write it. */
function checkReason(text: string | undefined): string {
  if (text === undefined) throw new UsageError('Say why, for example: --reason "wrong table"');
  const reason = reasonSchema.safeParse(text);
  if (reason.success) return reason.data;
  throw new UsageError(`--reason: ${reason.error.issues[0]?.message} For example: --reason "wrong table"`);
}

/**
 * The one live session whose id begins so; a whole id is taken at its word, since who may end a session may
 * not be let list them.
 */
async function findLive(prefix: string, connection: Connection, io: Io): Promise<string> {
  if (wholeId.test(prefix)) return prefix;
  if (prefix.length < minPrefix) {
    throw new UsageError(
      `Write ${minPrefix} characters of the id at least, as in ea647e04; "sessions --live" lists the ids.`,
    );
  }
  const { sessions, truncated } = await listLiveSessions(connection, io);
  if (truncated)
    throw new UsageError('There are too many live sessions to look through: write the whole id.');
  const found = sessions.map(({ id }) => id).filter(id => id.startsWith(prefix));
  if (found.length === 1) return found[0]!;
  if (found.length === 0) {
    throw new Failure(
      `No live session's id begins with ${JSON.stringify(prefix)}; "sessions --live" lists the ids.`,
    );
  }
  const some = found.slice(0, 3).join(', ');
  throw new UsageError(
    `${found.length} live sessions begin with ${JSON.stringify(prefix)}, write more of it: ${some}`,
  );
}
