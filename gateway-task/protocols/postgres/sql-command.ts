import { hash } from 'node:crypto';
import type { Command } from '#lib/command.ts';
import type { SqlFacts } from '#lib/sql/facts.ts';

/** A command, and how its text was read. */
export interface SqlCommand extends Command {
  /** Of a text that passes unread it is known when the text has passed; empty until then. */
  digest: string;
  readonly sql: SqlFacts;
  /**
   * The search path that it was read by: the server reads a prepared statement again when that changes.
   * `any`: it does not matter.
   */
  readonly path: readonly string[] | 'any' | undefined;
}

export function commandOf(sql: SqlFacts, text: Buffer, path: SqlCommand['path']): SqlCommand {
  return {
    facts: sql.command,
    sql,
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
  return { facts, sql: unreadFacts, path, digest: '', bytes, unreadable };
}

const unreadFacts: SqlFacts = {
  command: {
    protocol: 'postgres',
    verb: 'unread',
    operations: [{ action: 'postgres:unknown', objects: [] }],
    functions: [],
    risk: { writes: true, ddl: true, noWhere: true, statements: 1, opaque: true, unknownCode: true },
  },
  effects: { settings: true, prepares: [], deallocates: [], copiesIn: true },
  literalsMatter: true,
  sessionMatters: false,
  attributes: [],
  unread: 'the text is longer than what is read',
};
