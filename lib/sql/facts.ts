import type { CommandFacts } from '#lib/command.ts';

/** Effects of a text on the session that the gateway must follow to go on reading it rightly. */
export interface SessionEffects {
  /** A setting that changes how later text is read (search_path, role, encoding …) may have changed. */
  readonly settings: boolean;
  /** SQL-level PREPARE: the name, and the facts of the statement inside. */
  readonly prepares: readonly { readonly name: string; readonly facts: CommandFacts }[];
  /** SQL-level DEALLOCATE / DISCARD ALL; `undefined` in the list stands for all of them. */
  readonly deallocates: readonly (string | undefined)[];
}

export interface SqlFacts {
  readonly command: CommandFacts;
  readonly effects: SessionEffects;
  /** A literal decided some fact (`WHERE 1 = 1`, `set_config('role', …)`): not to be shared by shape. */
  readonly literalsMatter: boolean;
}

/** What the server's state makes of a text. Everything here can change how the same bytes are read. */
export interface ReadingContext {
  /** Major version of the server, 13 to 18: chooses the grammar. */
  readonly major: number;
  /** Effective schemas in order, as `current_schemas(true)` says; undefined: not known at this moment. */
  readonly searchPath: readonly string[] | undefined;
  /** `standard_conforming_strings`; undefined: not known at this moment. */
  readonly standardConformingStrings: boolean | undefined;
  /** `client_encoding` in PostgreSQL's name; undefined: not known at this moment. */
  readonly clientEncoding: string | undefined;
  /** Facts of statements prepared in this session, by name, for EXECUTE. */
  readonly prepared: (name: string) => CommandFacts | undefined;
}
