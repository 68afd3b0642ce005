import { Command } from 'commander';
import { call } from '#cli/call.ts';
import { type ConnectionOptions, connect, withConnection } from '#cli/connection.ts';
import { type Io, processIo } from '#cli/io.ts';
import { line, safeJson } from '#cli/terminal-safe.ts';
import { table, timestamp } from '#cli/units.ts';
import { UsageError } from '#cli/usage-error.ts';
import { type KeySummary, keyRevokedSchema, keysAnswerSchema } from '#lib/aws/control-api.ts';
import { fingerprintInPath, readFingerprint } from '#lib/ssh/fingerprint.ts';

interface Options extends ConnectionOptions {
  readonly json?: boolean;
}

interface ListOptions extends Options {
  readonly principal?: string;
}

/** `sallyport keys`: the keys that stand for somebody now; `sallyport keys revoke FINGERPRINT` */
export function keysCommand(io: Io = processIo): Command {
  const command = new Command('keys')
    .description('list the public keys that sign you in, newest first; with revoke, end one')
    .option('--principal <text>', 'only of a principal whose name or subject contains this')
    .option('--json', 'print one JSON object a line, for machines')
    .addHelpText(
      'after',
      `
You see your own keys; who may see everybody's is policy (keys:list-all). A key is bound when you sign in with it
by a browser. It signs you in until that session ends, at the latest when ENDS says.

Examples:
  sallyport keys --as dev
  sallyport keys --as auditor --principal dev@
  sallyport keys revoke SHA256:ZGzX1gqJbDxEXfQm8uWhBxNwyjAh2kT0PqeIk6lI0Vc --as dev

Exit codes: 0 listed, 1 it did not work, 2 the command was wrong.`,
    )
    .action(async (options: ListOptions) => {
      const connection = await connect(options, io);
      const request = { method: 'GET', path: '/v1/keys', answer: keysAnswerSchema } as const;
      const { keys, truncated } = await call(connection, io, request);
      print(
        io,
        keys.filter(key => matches(options, key)),
        options.json ?? false,
      );
      if (truncated) io.err('There are more than are listed here.\n');
    });
  return withConnection(command).enablePositionalOptions().addCommand(revokeCommand(io));
}

function revokeCommand(io: Io): Command {
  const command = new Command('revoke')
    .description('let a key sign nobody in any more')
    .argument('<fingerprint>', 'as "sallyport keys" and "ssh-keygen -l" print it: SHA256:…')
    .option('--json', 'print the answer for machines')
    .addHelpText(
      'after',
      `
Your own key, or anybody's where policy permits it (keys:revoke-all). Sessions that the key has opened go on: end
them with "sallyport kill".

Examples:
  ssh-keygen -lf ~/.ssh/id_ed25519.pub
  sallyport keys revoke SHA256:ZGzX1gqJbDxEXfQm8uWhBxNwyjAh2kT0PqeIk6lI0Vc --as dev

Exit codes: 0 revoked, 1 no such key or not permitted, 2 the command was wrong.`,
    )
    .action(async (text: string, options: Options) => {
      const fingerprint = readFingerprint(text);
      if (fingerprint === undefined) {
        throw new UsageError(
          'Write the whole fingerprint: SHA256: and 43 characters, as "sallyport keys" prints it.',
        );
      }
      const answer = await call(await connect(options, io), io, {
        method: 'DELETE',
        path: `/v1/keys/${fingerprintInPath(fingerprint)}`,
        answer: keyRevokedSchema,
      });
      io.out(
        options.json
          ? `${safeJson(answer)}\n`
          : `${answer.fingerprint} of ${line(answer.principal.name)} signs nobody in any more; sessions that it opened go on ("sallyport sessions --live").\n`,
      );
    });
  return withConnection(command);
}

function matches({ principal: text }: ListOptions, { principal }: KeySummary): boolean {
  return text === undefined || principal.name.includes(text) || principal.subject.includes(text);
}

function print(io: Io, keys: readonly KeySummary[], json: boolean): void {
  if (json) {
    for (const key of keys) io.out(`${safeJson(key)}\n`);
  } else {
    const head = [
      'FINGERPRINT',
      'PRINCIPAL',
      'BOUND',
      'BOUND FROM',
      'LAST USED',
      'USED FROM',
      'ENDS',
      'COMMENT',
    ];
    io.out(table(head, keys.map(row)));
  }
  if (keys.length === 0) io.err('There is no such key.\n');
}

function row(key: KeySummary): string[] {
  const { fingerprint, principal, boundAt, boundFrom, lastUsedAt, lastUsedFrom = '', endsAt } = key;
  const used = lastUsedAt === undefined ? '' : timestamp(lastUsedAt);
  const cells = [fingerprint, principal.name, timestamp(boundAt), boundFrom, used, lastUsedFrom];
  return [...cells, timestamp(endsAt), key.comment ?? ''].map(line);
}
