import type { CommandFacts } from '#lib/command.ts';
import { Findings } from '#lib/ssh/shell/findings.ts';
import type { SimpleCommand } from '#lib/ssh/shell/reader.ts';
import { readTransfer, type TransferLine, transferReads } from '#lib/ssh/shell/transfer-line.ts';

/** What a command line, as an exec request of SSH has it, would do; and what it transfers, if it is for that. */
export interface ReadLine extends TransferLine {
  readonly facts: CommandFacts;
  /** Why not all that runs can be told, for the person who sent it. */
  readonly unreadable: string | undefined;
}

/** A line with more is not read. Reading a line of this length takes some milliseconds. */
export const maxLineBytes = 64 << 10;

/**
 * A program without a terminal is given one by reading from it (`1</dev/pts/0`), or by what was read from: any `<`, and
 * any copy of a descriptor but those of standard output and error.
 */
const terminalMayBe = /<|>&(?![12](?:$|[\s;&|)]))/;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * What a command line would do if a shell ran it (sshd gives it to the login's shell, RFC 4254 section 6.5).
 *
 * One operation, `ssh:exec`. Its objects are the simple commands of the line, each on one line in one form
 * (`systemctl restart nginx`), and the redirections (`> /tmp/x`); of a program that runs another one in the same
 * words (`sudo -u x rm y`, `sh -c 'rm y'`), the inner command as well as the whole. `functions` are the base
 * names of the programs, as written.
 *
 * `opaque`: not all that runs can be told, and the list of objects is what can. `writes` is false only when
 * every program is known to read and nothing else, with these arguments, and no redirection writes (save to
 * /dev/null). `unknownCode`: a program of which nothing is known, or something that makes names mean something
 * else (assignments, `cd`, `alias`).
 *
 * Known limits: it is read from the text alone. What the login's shell is (see `readShell`), what its own files
 * define, and what the programs of these names are on the target is decided by whoever may change them.
 *
 * Never throws.
 *
 * @param terminal what it shows goes to a terminal, where some programs hand it to a pager
 */
export function readCommandLine(line: Uint8Array, terminal = false): ReadLine {
  const text = decode(line);
  const findings = new Findings(terminal || terminalMayBe.test(text ?? ''));
  const transfer = readInto(findings, line, text);
  const { opaque, objects, functions } = findings;
  const hidden = opaque !== undefined;
  const facts: CommandFacts = {
    protocol: 'ssh',
    verb: 'exec',
    operations: [{ action: 'ssh:exec', objects: [...objects].sort() }],
    functions: [...functions].sort(),
    risk: {
      writes: findings.writes || hidden,
      ddl: hidden,
      noWhere: hidden,
      statements: Math.max(1, findings.statements),
      opaque: hidden,
      unknownCode: findings.unknownCode || hidden,
    },
  };
  return { ...transfer, facts, unreadable: opaque };
}

function readInto(findings: Findings, line: Uint8Array, text: string | undefined): TransferLine {
  if (line.length > maxLineBytes) {
    findings.hide(`it has more than ${maxLineBytes} bytes`);
    return {};
  }
  if (text === undefined || text.includes('\0')) {
    findings.hide(text === undefined ? 'it is not UTF-8' : 'it has a NUL');
    return {};
  }
  const transfer = soleTransfer(findings.text(text));
  const reads = transferReads(transfer);
  if (reads !== undefined) {
    // These run what they are told to as clients; as servers they do what is read here.
    findings.opaque = undefined;
    findings.unknownCode = false;
    findings.writes = !reads;
  }
  return transfer;
}

function soleTransfer(commands: readonly SimpleCommand[]): TransferLine {
  const [only, ...more] = commands;
  if (only === undefined || more.length > 0) return {};
  const { assignments, words, redirections } = only;
  return assignments.length > 0 || redirections.length > 0 ? {} : readTransfer(words);
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}
