import { text as readAll } from 'node:stream/consumers';
import { Command, Option } from 'commander';
import { defaultReadyFile } from '#cli/connection.ts';
import type { ExplainOptions } from '#cli/explain/ask.ts';
import { type Io, processIo } from '#cli/io.ts';
import { safeJson } from '#cli/terminal-safe.ts';

/** `sallyport explain TEXT --as PERSON --target NAME`: exit code 1 when it would be refused. */
export function explainCommand(io: Io = processIo): Command {
  return new Command('explain')
    .description(
      'print what policy decides about a statement or a command line, and why, without running anything',
    )
    .argument('<statement>', 'the text, or - to read it from standard input')
    .requiredOption('--target <name>', 'the target, or target/database, target/login')
    .option('--action <name>', 'of a host: ssh:forward, sftp:write, …; the text is then what it is done to')
    .option('--as <name>', 'a person of the ready file: dev, dba, …')
    .option('--principal <file>', 'a JSON file with issuer, subject, name, kind, groups, expiresAt')
    .option('--groups <names>', 'somebody in these groups, separated by commas')
    .addOption(
      new Option('--kind <kind>', 'with --groups').choices(['human', 'service', 'agent']).default('human'),
    )
    .option('--config <folder>', 'the configuration folder', 'config')
    .addOption(
      new Option(
        '--ready-file <file>',
        `for --as, written by "npm start" (default: ${defaultReadyFile})`,
      ).env('SALLYPORT_READY_FILE'),
    )
    .option('--server-version <major>', "the server's major version, whose grammar is used", '18')
    .option('--search-path <schemas>', "the session's schemas, separated by commas", 'pg_catalog,public')
    .option('--address <ip>', 'where the client comes from', '127.0.0.1')
    .option('--at <time>', 'when: 2026-01-31T09:00Z (default: now)')
    .option('--grant-reason <text>', 'as if the session had been granted for this reason')
    .option('--json', 'print everything for machines')
    .addHelpText(
      'after',
      `
Examples:
  sallyport explain --as dev --target shop "DELETE FROM orders"
  sallyport explain --as dev --target web-1 "systemctl restart nginx"
  sallyport explain --as dev --target web-1 --action sftp:write /etc/motd
  sallyport explain --as dev --target web-1 --action ssh:forward shop:5432
  sallyport explain --groups dbas --target shop --at 2026-01-31T03:00Z "VACUUM orders"
  sallyport explain --groups agents --kind agent --target shop --json - < query.sql

Exit codes: 0 permitted, 1 refused, 2 the command or the configuration was wrong.`,
    )
    .action(async (statement: string, options: ExplainOptions & { readonly json?: boolean }) => {
      // What reads SQL and policies takes a moment to load, which other verbs need not wait for.
      const { ask } = await import('#cli/explain/ask.ts');
      const { formatReport } = await import('#cli/explain/report.ts');
      const report = await ask(statement === '-' ? await readAll(process.stdin) : statement, options, io);
      io.out(options.json ? `${safeJson(report, 2)}\n` : formatReport(report, options.config));
      if (report.decision.effect === 'deny' || report.connect.effect === 'deny') process.exitCode = 1;
    });
}
