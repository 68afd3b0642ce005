import { type Report, withPolicies } from '#cli/explain/report.ts';
import { readWho, type WhoOptions } from '#cli/explain/who.ts';
import type { Io } from '#cli/io.ts';
import { UsageError } from '#cli/usage-error.ts';
import type { CommandFacts } from '#lib/command.ts';
import { loadConfig } from '#lib/policy/config/load.ts';
import { formatMistake } from '#lib/policy/config/mistake.ts';
import { placesOf } from '#lib/policy/config/targets.ts';
import type { DecisionInput } from '#lib/policy/decision.ts';
import { PolicyEngine } from '#lib/policy/engine.ts';
import type { Snapshot } from '#lib/policy/snapshot.ts';
import { SqlReader } from '#lib/sql/cache.ts';
import type { SqlFacts } from '#lib/sql/facts.ts';
import { loadGrammar, majors } from '#lib/sql/grammar.ts';
import { actionNames, factsOfAction } from '#lib/ssh/commands.ts';
import { readCommandLine } from '#lib/ssh/shell/command-line.ts';

export interface ExplainOptions extends WhoOptions {
  readonly target: string;
  readonly action?: string;
  readonly config: string;
  readonly serverVersion: string;
  readonly searchPath: string;
  readonly address: string;
  readonly at?: string;
  readonly grantReason?: string;
}

/**
 * Asks policy about a text, as the gateway would.
 *
 * @throws {UsageError} when the options or the configuration are wrong.
 */
export async function ask(text: string, options: ExplainOptions, io: Io): Promise<Report> {
  const snapshot = load(options.config);
  const principal = await readWho(options, io);
  const { target, place } = findTarget(snapshot, options.target);
  const now = options.at === undefined ? Date.now() : Date.parse(options.at);
  if (Number.isNaN(now)) throw new UsageError(`--at ${options.at} is not a time: write 2026-01-31T09:00Z.`);
  const { facts, unread } = await readText(target.protocol, text, options);

  const reason = options.grantReason;
  const input: DecisionInput = {
    principal,
    target,
    command: facts,
    context: {
      place,
      sourceAddress: options.address,
      now,
      ...(reason === undefined ? {} : { grant: { id: 'explained', reason } }),
    },
  };
  const engine = PolicyEngine.load(snapshot);
  return {
    principal,
    target: target.name,
    place,
    text,
    connect: engine.decide({ ...input, command: undefined }),
    facts,
    unread,
    ...withPolicies(engine.explain(input), snapshot.policies),
  };
}

/** Reads a text as the protocol of its target does. */
async function readText(
  protocol: string,
  text: string,
  options: ExplainOptions,
): Promise<{ readonly facts: CommandFacts; readonly unread: string | undefined }> {
  if (options.action !== undefined)
    return { facts: readAction(protocol, options.action, text), unread: undefined };
  if (protocol === 'ssh') {
    const { facts, unreadable } = readCommandLine(Buffer.from(text));
    return { facts, unread: unreadable };
  }
  const { command, unread } = await readSql(text, options);
  return { facts: command, unread };
}

function readAction(protocol: string, action: string, object: string): CommandFacts {
  const facts = protocol === 'ssh' ? factsOfAction(action, object) : undefined;
  if (facts !== undefined) return facts;
  throw new UsageError(
    protocol === 'ssh'
      ? `There is no action "${action}" to ask about: ${actionNames.join(', ')}, sftp:read, sftp:write, …`
      : '--action is for hosts: of a database, ask about the statement.',
  );
}

async function readSql(text: string, options: ExplainOptions): Promise<SqlFacts> {
  const major = majors.find(known => String(known) === options.serverVersion);
  if (major === undefined) throw new UsageError(`--server-version must be one of ${majors.join(', ')}.`);
  await loadGrammar(major);
  return new SqlReader().read(Buffer.from(text), {
    major,
    searchPath: options.searchPath.split(',').filter(Boolean),
    standardConformingStrings: true,
    clientEncoding: 'UTF8',
    prepared: () => undefined,
  });
}

function load(folder: string): Snapshot {
  const { snapshot, mistakes } = loadConfig(folder);
  if (snapshot !== undefined) return snapshot;
  throw new UsageError(mistakes.map(mistake => formatMistake(folder, mistake)).join('\n'));
}

function findTarget(snapshot: Snapshot, wanted: string): { target: DecisionInput['target']; place: string } {
  const [name = '', wantedPlace] = wanted.split(/\/(.*)/s);
  const target = Object.hasOwn(snapshot.targets, name) ? snapshot.targets[name] : undefined;
  if (target === undefined) {
    const names = Object.keys(snapshot.targets).join(', ');
    throw new UsageError(`There is no target "${name}". There are: ${names}.`);
  }
  const { word, own, others } = placesOf(target);
  if (wantedPlace !== undefined && wantedPlace !== own && !others.includes(wantedPlace)) {
    throw new UsageError(
      `${name} has no ${word} "${wantedPlace}". There is ${[own || 'its own', ...others].join(', ')}.`,
    );
  }
  const { protocol, tags } = target;
  return { target: { name, protocol, tags }, place: wantedPlace ?? own };
}
