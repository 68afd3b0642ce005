import { hash } from 'node:crypto';
import { posix } from 'node:path';
import type { Command, CommandFacts, Operation, Risk } from '#lib/command.ts';
import { FileFacts } from '#lib/ssh/file-facts.ts';
import { type ReadLine, readCommandLine } from '#lib/ssh/shell/command-line.ts';

/** A program that the client starts: what it is to policy, and what a recording says of it. */
export interface Program {
  readonly command: Command;
  readonly details: Readonly<Record<string, unknown>>;
  /** How the line was read; undefined for a shell or a subsystem. */
  readonly line: ReadLine | undefined;
}

/** What a person or a program may do in a shell nobody can tell beforehand. */
const anything: Risk = {
  writes: true,
  ddl: false,
  noWhere: false,
  statements: 1,
  opaque: false,
  unknownCode: true,
};
/** Bytes that pass, and that the gateway does not read. */
const connection: Risk = {
  writes: true,
  ddl: false,
  noWhere: false,
  statements: 1,
  opaque: false,
  unknownCode: false,
};

export function shellProgram(): Program {
  return {
    command: command('shell', [{ action: 'ssh:shell', objects: [] }], anything, ''),
    details: { kind: 'shell' },
    line: undefined,
  };
}

/**
 * @param text the command line as the client sent it, in whatever encoding
 * @param terminal the client has asked for one
 */
export function execProgram(text: Buffer, terminal = false): Program {
  const line = readCommandLine(text, terminal);
  const utf8 = text.toString('utf8');
  const whole = Buffer.from(utf8).equals(text);
  return {
    command: {
      facts: line.facts,
      digest: hash('sha256', text, 'hex'),
      bytes: text.length,
      unreadable: line.unreadable && `not all that this line runs can be told: ${line.unreadable}`,
    },
    details: { kind: 'exec', ...(whole ? { command: utf8 } : { commandBase64: text.toString('base64') }) },
    line,
  };
}

/** Of SFTP each operation is decided by itself. */
export function subsystemProgram(name: string): Program {
  const risk = name === 'sftp' ? connection : anything;
  return {
    command: command('subsystem', [{ action: 'ssh:subsystem', objects: [name] }], risk, name),
    details: { kind: 'subsystem', name },
    line: undefined,
  };
}

/** The program where the client has set what makes names mean something else, or may be computed. */
export function redefined(program: Program): Program {
  const { facts } = program.command;
  const risk = { ...facts.risk, writes: true, unknownCode: true };
  return { ...program, command: { ...program.command, facts: { ...facts, risk } } };
}

/** @param destination `host:port` or `unix:/path` */
export function forwardCommand(destination: string): Command {
  return command('forward', [{ action: 'ssh:forward', objects: [destination] }], connection, destination);
}

export function listenCommand(address: string): Command {
  return command('listen', [{ action: 'ssh:listen', objects: [address] }], connection, address);
}

/** What a client may let the target have of its own: its agent, its display. */
export function reverseCommand(kind: 'agent' | 'x11'): Command {
  return command(`${kind} forwarding`, [{ action: `ssh:${kind}`, objects: [] }], connection, kind);
}

export function unknownCommand(name: string): Command {
  return command(name, [{ action: 'ssh:unknown', objects: [name] }], { ...anything, opaque: true }, name);
}

function command(verb: string, operations: readonly Operation[], risk: Risk, text: string): Command {
  const facts: CommandFacts = { protocol: 'ssh', verb, operations, functions: [], risk };
  return { facts, digest: hash('sha256', text, 'hex'), bytes: Buffer.byteLength(text), byAction: true };
}

/** Without what a session takes out of a path before it is decided; what is in a home stays told from it. */
function asDecided(path: string): string {
  const [, home = '', rest = ''] = /^(~[^/]*\/)?(.*)$/s.exec(path)!;
  return home + posix.normalize(rest);
}

const byAction: Readonly<Record<string, (object: string) => CommandFacts>> = {
  'ssh:shell': () => shellProgram().command.facts,
  'ssh:exec': text => execProgram(Buffer.from(text)).command.facts,
  'ssh:subsystem': name => subsystemProgram(name).command.facts,
  'ssh:forward': destination => forwardCommand(destination).facts,
  'ssh:listen': address => listenCommand(address).facts,
  'ssh:agent': () => reverseCommand('agent').facts,
  'ssh:x11': () => reverseCommand('x11').facts,
};

/** Actions that are not on files, as {@link factsOfAction} takes them. */
export const actionNames: readonly string[] = Object.keys(byAction);

/**
 * The facts of a command that is this action on this object, as a session would have it. Undefined: there is no such
 * action.
 *
 * @param object a command line, a destination, a path, or nothing, as the action wants
 */
export function factsOfAction(action: string, object: string): CommandFacts | undefined {
  if (/^sftp:[a-z]+$/.test(action))
    return new FileFacts().of([action], object === '' ? [] : [asDecided(object)]);
  return Object.hasOwn(byAction, action) ? byAction[action]!(object) : undefined;
}
