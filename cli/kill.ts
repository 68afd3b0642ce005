import { Command } from 'commander';
import { call } from '#cli/call.ts';
import { type ConnectionOptions, connect, withConnection } from '#cli/connection.ts';
import { type Io, processIo } from '#cli/io.ts';
import { killAnswerSchema } from '#lib/aws/control-api.ts';

interface KillOptions extends ConnectionOptions {
  readonly reason: string;
  readonly json?: boolean;
}

/** `sallyport kill ID --reason TEXT` */
export function killCommand(io: Io = processIo): Command {
  const command = new Command('kill')
    .description('end a live session now')
    .argument('<id>', 'the session, as "sallyport sessions --live" lists it')
    .requiredOption('--reason <text>', 'why; the person at the other end reads it, and it is recorded')
    .option('--json', 'print the answer for machines')
    .addHelpText('after', '\nExample:\n  sallyport kill 01JABCDEF --reason "wrong database" --as dba')
    .action(async (id: string, options: KillOptions) => {
      const answer = await call(await connect(options, io), io, {
        method: 'POST',
        path: `/v1/sessions/${encodeURIComponent(id)}/kill`,
        body: { reason: options.reason },
        answer: killAnswerSchema,
      });
      io.out(options.json ? `${JSON.stringify(answer)}\n` : `${id} is told to end.\n`);
      if (!answer.heardFrom) {
        io.err(
          'Its gateway task has not been heard from for a while: it may be gone, and the session with it.\n',
        );
      }
    });
  return withConnection(command);
}
