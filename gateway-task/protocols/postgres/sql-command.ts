import { hash } from 'node:crypto';
import type { Command } from '#lib/command.ts';
import type { SqlFacts } from '#lib/sql/facts.ts';

/** A command, and how its text was read. */
export interface SqlCommand extends Command {
  /** Of a text that passes unread it is known when the text has passed; empty until then. */
  digest: string;
  /** With what column notation calls, of the functions that were known. */
  readonly sql: SqlFacts;
  /** As its text says it. */
  readonly text: SqlFacts;
  /**
   * The search path that it was read by: the server reads a prepared statement again when that changes.
   * `any`: it does not matter.
   */
  readonly path: readonly string[] | 'any' | undefined;
}

/** @param facts what was read of the text, and the same with what column notation calls */
export function commandOf(
  facts: { readonly text: SqlFacts; readonly sql: SqlFacts },
  text: Buffer,
  path: SqlCommand['path'],
): SqlCommand {
  const { sql } = facts;
  return {
    facts: sql.command,
    sql,
    text: facts.text,
    path,
    digest: hash('sha256', text, 'hex'),
    bytes: text.length,
    unreadable: sql.unread,
    syntaxErrorAt: sql.syntaxErrorAt,
  };
}

/** A text too long to be read: whatever it is, policy must permit the unknown. */
export function unreadCommand(bytes: number, path: SqlCommand['path']): SqlCommand {
  const { command: facts, unread: unreadable } = unreadFacts;
  return { facts, sql: unreadFacts, text: unreadFacts, path, digest: '', bytes, unreadable };
}

const unreadFacts: SqlFacts = {
  command: {
    protocol: 'postgres',
    verb: 'unread',
    operations: [{ action: 'postgres:unknown', objects: [] }],
    functions: [],
    risk: { writes: true, ddl: true, noWhere: true, statements: 1, opaque: true, unknownCode: true },
  },
  effects: {
    settings: true,
    endsTransaction: true,
    prepares: [],
    names: true,
    deallocates: [],
    copiesIn: true,
  },
  literalsMatter: true,
  sessionMatters: false,
  namesMatter: false,
  attributes: [],
  unread: 'the text is longer than what is read',
};
