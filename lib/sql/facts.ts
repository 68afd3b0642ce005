import type { CommandFacts } from '#lib/command.ts';

/** Effects of a text on the session that the gateway must follow to go on reading it rightly. */
export interface SessionEffects {
  /**
   * A setting that changes how later text is read (search_path, standard_conforming_strings, client_encoding,
   * role) may have changed. A transaction that is rolled back, or a SET LOCAL that ends with it, changes it
   * back: the end of such a transaction is a change as well.
   */
  readonly settings: boolean;
  /**
   * It ends a transaction, or a part of one, when it runs: what was set in it may be undone then. A statement that
   * was prepared before anything was set does so as well.
   */
  readonly endsTransaction: boolean;
  /**
   * SQL-level PREPARE: the name, and the facts of the statement inside. The server looks the names in it up
   * again when search_path changes, and so must whoever keeps the facts.
   */
  readonly prepares: readonly { readonly name: string; readonly facts: CommandFacts }[];
  /**
   * What names of prepared statements, cursors and portals stand for may have changed: PREPARE, DECLARE and
   * their like, and what runs code or a statement that may hold one of them.
   */
  readonly names: boolean;
  /** SQL-level DEALLOCATE / DISCARD ALL; `undefined` in the list stands for all of them. */
  readonly deallocates: readonly (string | undefined)[];
  /** COPY FROM STDIN, or text that may hold one: what the client sends next is data, or read otherwise. */
  readonly copiesIn: boolean;
}

export interface SqlFacts {
  readonly command: CommandFacts;
  readonly effects: SessionEffects;
  /** A literal decided some fact (`COPY … TO '/file'`, `set_config('role', …)`): not to be shared by shape. */
  readonly literalsMatter: boolean;
  /**
   * EXECUTE took its facts from what this session prepared, or the parser gave up: not to be shared between
   * readings.
   */
  readonly sessionMatters: boolean;
  /**
   * It runs what a name stands for (EXECUTE, FETCH, MOVE): prepared itself, it does something else as soon as
   * the name stands for something else.
   */
  readonly namesMatter: boolean;
  /**
   * Names that stand in column notation, `row.f` or `(expression).f`: a function f is called where there is no
   * such column, which only the server knows (see `calling`). As the server's catalogue writes them, sorted,
   * no duplicates.
   */
  readonly attributes: readonly string[];
  /** Why the text could not be read, for the client; undefined when it was. May quote the text. */
  readonly unread: string | undefined;
  /** The server would find this syntax error, too: the character where, from 1; 0: it does not say. */
  readonly syntaxErrorAt?: number;
}

/** What the server's state makes of a text. Everything here can change how the same bytes are read. */
export interface ReadingContext {
  /** Major version of the server, 13 to 18: chooses the grammar. */
  readonly major: number;
  /** Schemas that names may be looked up in, in order (see `pathOf`); undefined: not known at this moment. */
  readonly searchPath: readonly string[] | undefined;
  /**
   * Whether a transaction is open in which one of these settings was changed, so that its end may change it
   * back. Absent: there may be.
   */
  readonly settingsPending?: boolean;
  /** `standard_conforming_strings`; undefined: not known at this moment. */
  readonly standardConformingStrings: boolean | undefined;
  /** `client_encoding` in PostgreSQL's name; undefined: not known at this moment. */
  readonly clientEncoding: string | undefined;
  /**
   * Facts of statements prepared in this session, by name, for EXECUTE. SQL and the extended protocol share
   * one set of names.
   */
  readonly prepared: (name: string) => CommandFacts | undefined;
  /** For FETCH and MOVE. Absent: the extended protocol has bound no portal that has a name. */
  readonly portals?: PortalLookUp | undefined;
}

/**
 * What a name stands for: `cursor` for one that only SQL can have declared, else the facts of what was bound;
 * undefined: not known.
 */
export type PortalLookUp = (name: string) => CommandFacts | 'cursor' | undefined;
