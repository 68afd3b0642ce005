import { Command, CommanderError } from 'commander';
import { checkConfigCommand } from '#cli/check-config.ts';
import { completionCommand } from '#cli/completion.ts';
import { explainCommand } from '#cli/explain.ts';
import { Failure } from '#cli/failure.ts';
import { keysCommand } from '#cli/keys.ts';
import { killCommand } from '#cli/kill.ts';
import { replayCommand } from '#cli/replay.ts';
import { sessionsCommand } from '#cli/sessions.ts';
import { ticketCommand } from '#cli/ticket.ts';
import { UsageError } from '#cli/usage-error.ts';
import manifest from '../package.json' with { type: 'json' };

/** The sallyport command: one file per verb. Exit codes: 0 done, 1 the answer is no, 2 wrong use or an error. */
const program = new Command('sallyport')
  .description('Ask and steer Sallyport, the access gateway.')
  .version(manifest.version, '--version', 'print the version')
  .addHelpText(
    'after',
    `
Examples:
  sallyport sessions --since 1h
  sallyport replay 4f1c09aa
  sallyport explain --as dev --target shop "DELETE FROM orders"
  sallyport help replay

In a checkout, "npm run -s sallyport -- VERB" is the same as "sallyport VERB"; "npm link" puts it on your PATH.

Exit codes of every verb: 0 done, 1 the answer is no, 2 the command was wrong.`,
  )
  .exitOverride()
  // Options after a verb, or a verb's verb, are its own.
  .enablePositionalOptions()
  .addCommand(checkConfigCommand())
  .addCommand(explainCommand())
  .addCommand(keysCommand())
  .addCommand(killCommand())
  .addCommand(replayCommand())
  .addCommand(sessionsCommand())
  .addCommand(ticketCommand());
program.addCommand(completionCommand(program));
// commander hands settings down only to commands that it made itself.
for (const command of program.commands.flatMap(verb => [verb, ...verb.commands])) command.exitOverride();

// Whoever reads may have seen enough: `sallyport replay … | head`.
process.stdout.on('error', error => {
  if ('code' in error && error.code === 'EPIPE') process.exit();
  throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  // commander has said what is wrong, or printed the help that was asked for.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    const text =
      error instanceof UsageError || error instanceof Failure
        ? error.message
        : error instanceof Error
          ? (error.stack ?? error.message)
          : String(error);
    process.stderr.write(`${text}\n`);
    process.exitCode = error instanceof Failure ? 1 : 2;
  }
}
