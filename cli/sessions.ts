import { Command, InvalidArgumentError } from 'commander';
import { type ConnectionOptions, connect, withConnection } from '#cli/connection.ts';
import { type Io, processIo } from '#cli/io.ts';
import { listLiveSessions } from '#cli/live.ts';
import {
  findRecordings,
  listRecordings,
  type RecordingsOptions,
  shortLength,
  withRecordings,
} from '#cli/recordings.ts';
import { where } from '#cli/replay/phrases.ts';
import { kindsOf } from '#cli/replay/ssh/kinds.ts';
import { line, safeJson } from '#cli/terminal-safe.ts';
import { duration, size, table, timestamp } from '#cli/units.ts';
import { EvidenceFault } from '#lib/evidence/fault.ts';
import { readFirstCommands } from '#lib/evidence/first-commands.ts';
import { SessionFolder } from '#lib/evidence/folder.ts';
import { readOverview, type SessionOverview } from '#lib/evidence/overview.ts';

interface Options extends RecordingsOptions, ConnectionOptions {
  readonly live?: boolean;
  readonly json?: boolean;
  readonly principal?: string;
  readonly target?: string;
  /** Milliseconds since the epoch. */
  readonly since?: number;
  readonly limit: number;
}

/** How many recordings are looked into at once. */
const atOnce = 16;

/** `sallyport sessions`: exit code 1 when a recording could not be read. */
export function sessionsCommand(io: Io = processIo): Command {
  const command = new Command('sessions')
    .description('list recorded sessions, newest first; with --live, those that are open now')
    .option('--live', 'ask the control plane who is connected now')
    .option('--principal <text>', 'only of a principal whose name or subject contains this')
    .option('--target <name>', 'only to this target: shop, or shop/orders as the TARGET column has it')
    .option('--since <time>', 'only begun since then: 30m, 12h, 7d, or 2026-01-31T09:00Z', since)
    .option('--limit <count>', 'at most so many', positive, 50)
    .option('--json', 'print one JSON object a line, for machines')
    .addHelpText(
      'after',
      `
Examples:
  sallyport sessions
  sallyport sessions --principal dev@ --since 2h
  sallyport sessions --target shop --limit 5 --json
  sallyport sessions --live --as dba

Exit codes: 0 listed, 1 some recordings could not be read, 2 the command was wrong.`,
    )
    .action(async (options: Options) => {
      if (options.live) await printLive(options, io);
      else await printRecorded(options, io);
    });
  return withConnection(withRecordings(command));
}

async function printLive(options: Options, io: Io): Promise<void> {
  const { sessions, truncated } = await listLiveSessions(await connect(options, io), io);
  const wanted = sessions.filter(({ principal, target, place, startedAt }) =>
    matches(options, principal, target, place, startedAt),
  );
  const shown = wanted.slice(0, options.limit);
  if (options.json) {
    for (const session of shown) io.out(`${safeJson(session)}\n`);
  } else {
    const head = ['SESSION', 'START', 'PRINCIPAL', 'TARGET', 'KIND', 'CLIENT', 'TASK'];
    const rows = shown.map(({ id, startedAt, principal, target, place, protocol, sourceAddress, taskId }) =>
      [id, timestamp(startedAt), principal.name, where(target, place), protocol, sourceAddress, taskId].map(
        line,
      ),
    );
    io.out(table(head, rows));
  }
  if (wanted.length === 0) io.err('No live session matches.\n');
  if (truncated || wanted.length > shown.length) io.err('There are more than are listed here.\n');
}

async function printRecorded(options: Options, io: Io): Promise<void> {
  const folder = await findRecordings(options, io);
  const ids = await listRecordings(folder);
  const { found, faults } = await readAll(folder, ids);
  const wanted = found.filter(({ open }) =>
    matches(options, open.principal, open.target, open.place, open.startedAt),
  );
  wanted.sort((a, b) => b.open.startedAt - a.open.startedAt);
  const shown = await Promise.all(
    wanted
      .slice(0, options.limit)
      .map(async session => ({ ...session, kinds: await readKinds(folder, session) })),
  );
  if (options.json) {
    for (const session of shown) io.out(`${safeJson(session)}\n`);
  } else {
    const length = shortLength(ids);
    const head = [
      'SESSION',
      'START',
      'DURATION',
      'PRINCIPAL',
      'TARGET',
      'KIND',
      'CLIENT',
      'COMMANDS',
      'REFUSED',
      'BYTES',
      'END',
    ];
    io.out(
      table(
        head,
        shown.map(session => row(session, length)),
      ),
    );
  }
  if (wanted.length === 0) io.err('No recording matches.\n');
  if (wanted.length > shown.length) io.err(`${wanted.length - shown.length} more: raise --limit.\n`);
  for (const fault of faults) {
    process.exitCode = 1;
    io.err(`${fault.place.session ?? ''}: ${fault.kind}: ${line(fault.message)}\n`);
  }
}

/** What can be read of each, in no order. A session whose first segment is not closed yet is not there yet. */
async function readAll(folder: string, ids: readonly string[]) {
  const found: SessionOverview[] = [];
  const faults: EvidenceFault[] = [];
  const waiting = ids[Symbol.iterator]();
  const worker = async () => {
    for (const id of waiting) {
      try {
        found.push(await readOverview(new SessionFolder(folder, id)));
      } catch (cause) {
        if (!(cause instanceof EvidenceFault)) throw cause;
        if (cause.kind !== 'segmentMissing') faults.push(cause.at({ session: id }));
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return { found, faults };
}

/** What a session of a protocol with several uses was for, as far as its first segment tells. */
async function readKinds(
  folder: string,
  { id, open, totals }: SessionOverview,
): Promise<readonly string[] | undefined> {
  if (open.protocol !== 'ssh') return undefined;
  try {
    return kindsOf(await readFirstCommands(new SessionFolder(folder, id)), totals.commands);
  } catch (cause) {
    if (cause instanceof EvidenceFault) return undefined;
    throw cause;
  }
}

function row(
  { id, open, totals, end, kinds = [] }: SessionOverview & { readonly kinds: readonly string[] | undefined },
  idLength: number,
): string[] {
  return [
    id.slice(0, idLength),
    timestamp(open.startedAt),
    // What is recorded of an open session says nothing of how long it has been open.
    end === undefined ? '' : duration(totals.elapsedNs),
    open.principal.name,
    where(open.target, open.place),
    [open.protocol, kinds.join(', ')].filter(Boolean).join(' '),
    open.clientAddress,
    String(totals.commands),
    String(totals.refused),
    size(totals.clientBytes + totals.serverBytes),
    end?.how ?? '(open)',
  ].map(line);
}

function matches(
  { principal, target, since: from }: Options,
  who: { readonly name: string; readonly subject: string },
  what: string,
  place: string | undefined,
  startedAt: number,
): boolean {
  return (
    (principal === undefined || who.name.includes(principal) || who.subject.includes(principal)) &&
    (target === undefined || target === what || target === where(what, place)) &&
    (from === undefined || startedAt >= from)
  );
}

/** `30m`, `12h`, `7d` before now, or a date. */
export function since(text: string, _previous?: unknown, now: number = Date.now()): number {
  const [, count, unit] = /^(\d{1,5})([mhd])$/.exec(text) ?? [];
  if (unit !== undefined) {
    return now - Number(count) * { m: 60_000, h: 3_600_000, d: 86_400_000 }[unit as 'm' | 'h' | 'd'];
  }
  const date = Date.parse(text);
  if (Number.isNaN(date)) throw new InvalidArgumentError('Write it like 30m, 12h, 7d or 2026-01-31T09:00Z.');
  return date;
}

export function positive(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('Write a whole number, 1 at least.');
}
